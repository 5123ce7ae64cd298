import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { IQuery } from '../src/api';
import { Runner, type IRunnerHost } from '../src/sql/runner';
import { deferred, settled } from './deferred';

const QUERY: IQuery = {
  id: 'a',
  sql: '',
  state: 'running',
  columns: null,
  rows: 0,
  capped: false,
  seconds: 0,
  error: null,
  notices: []
};

function host(given: Partial<IRunnerHost>): IRunnerHost & { dropped: string[] } {
  const dropped: string[] = [];
  return {
    run: () => Promise.resolve({ id: 'a' }),
    query: () => Promise.resolve({ ...QUERY, state: 'done', rows: 3 }),
    drop: id => {
      dropped.push(id);
      return Promise.resolve();
    },
    changed: () => undefined,
    wait: () => settled(),
    explain: error => ({ error: error as never, warnings: ['slow'] }),
    dropped,
    ...given
  };
}

test('a query is followed until it is done', async () => {
  const states: IQuery['state'][] = ['queued', 'running', 'done'];
  const runner = new Runner(
    host({
      query: () => Promise.resolve({ ...QUERY, state: states.shift() ?? 'done' })
    })
  );
  await runner.run('select 1');
  assert.equal(runner.phase, 'done');
  assert.deepEqual(states, []);
});

test('cancelling ends the query in the database', async () => {
  const given = host({ query: () => Promise.resolve(QUERY) });
  const runner = new Runner(given);
  const run = runner.run('select pg_sleep(60)');
  await settled();
  runner.cancel();
  await run;
  assert.equal(runner.phase, 'cancelled');
  assert.deepEqual(given.dropped, ['a']);
});

test('cancelling before the server has answered ends the query too', async () => {
  const sent = deferred<{ id: string }>();
  const given = host({ run: () => sent.promise });
  const runner = new Runner(given);
  const run = runner.run('select pg_sleep(60)');
  runner.cancel();
  sent.resolve({ id: 'late' });
  await run;
  assert.equal(runner.phase, 'cancelled');
  assert.deepEqual(given.dropped, ['late']);
});

test('a costly query waits to be forced', async () => {
  const forced: boolean[] = [];
  const runner = new Runner(
    host({
      run: (_sql, force) => {
        forced.push(force);
        return force
          ? Promise.resolve({ id: 'a' })
          : Promise.reject({ kind: 'costly', message: 'many vectors' });
      }
    })
  );
  await runner.run('select 1');
  assert.deepEqual([runner.phase, runner.warnings], ['costly', ['slow']]);
  await runner.force();
  assert.equal(runner.phase, 'done');
  assert.deepEqual(forced, [false, true]);
});

test('the next query gives the last result back', async () => {
  const given = host({});
  const runner = new Runner(given);
  await runner.run('select 1');
  await runner.run('select 2');
  assert.deepEqual(given.dropped, ['a']);
});

test('an error keeps its position', async () => {
  const error = { kind: 'database', message: 'no such column', position: 8 };
  const runner = new Runner(
    host({ query: () => Promise.resolve({ ...QUERY, state: 'failed', error }) })
  );
  await runner.run('select x');
  assert.deepEqual([runner.phase, runner.error], ['failed', error]);
});
