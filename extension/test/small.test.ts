import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { IRun } from '../src/api';
import { cell, language, moment, percent } from '../src/format';
import { ended, pause, share } from '../src/jobs/model';
import { translated } from '../src/plugins/schema';
import { KEPT, readHistory, remember, type IPast } from '../src/sql/history';

const past = (sql: string): IPast => ({
  sql,
  at: '2026-01-01T00:00:00Z',
  rows: 1,
  seconds: 0,
  state: 'done'
});

const run = (given: Partial<IRun>): IRun => ({
  run_id: 1,
  step: 'embed',
  state: 'running',
  started_at: null,
  finished_at: null,
  seconds: null,
  rows: null,
  label: null,
  done: null,
  total: null,
  ...given
});

test('history keeps each statement once, newest first, and a bounded number', () => {
  const history = ['a', 'b', 'a'].reduce<IPast[]>(
    (all, sql) => remember(all, past(sql)),
    []
  );
  assert.deepEqual(
    history.map(({ sql }) => sql),
    ['a', 'b']
  );
  const many = Array.from({ length: 2 * KEPT }, (_, i) => past(String(i)));
  assert.equal(many.reduce<IPast[]>(remember, []).length, KEPT);
});

test('history leaves out what it did not write', () => {
  assert.deepEqual(readHistory([past('a'), null, 3, { sql: 1 }]), [past('a')]);
  assert.deepEqual(readHistory('nonsense'), []);
});

test('shares near none and all are not rounded to them', () => {
  assert.deepEqual(
    [0, 0.004, 0.5, 0.9991, 1, null].map(value => percent(value, 'en')),
    ['0%', '0.4%', '50%', '99.91%', '100%', '–']
  );
});

test('cells are short and lose no whole number', () => {
  assert.equal(cell(0.123456789, 'en'), '0.123457');
  assert.equal(cell('9007199254740993', 'en'), '9007199254740993');
  assert.equal(cell(null, 'en'), '–');
});

test('what is no time is shown as it is', () => {
  assert.equal(moment('infinity', 'en'), 'infinity');
});

test('the interface language becomes one that formats know', () => {
  assert.deepEqual(
    [language('zh_CN'), language('default'), language('en')],
    ['zh-CN', 'en', 'en']
  );
});

test('a run that ended since the last look is told once', () => {
  const before = [run({ run_id: 1 }), run({ run_id: 2, state: 'finished' })];
  const now = [
    run({ run_id: 1, state: 'failed' }),
    run({ run_id: 2, state: 'finished' })
  ];
  assert.deepEqual(
    ended(before, now).map(({ run_id }) => run_id),
    [1]
  );
  assert.deepEqual(ended(now, now), []);
  assert.deepEqual(ended(null, now), []);
});

test('the status bar looks sooner while something runs', () => {
  assert.equal(pause([run({})], 10), 2000);
  assert.equal(pause([run({ state: 'finished' })], 10), 10_000);
});

test('progress is known only with a total', () => {
  assert.equal(share(run({ done: 4, total: 10 })), 0.4);
  assert.equal(share(run({ done: 4 })), null);
  assert.equal(share(run({ done: 4, total: 0 })), null);
});

test('a schema is translated where people read it', () => {
  const schema = {
    title: 'a',
    properties: {
      title: { type: 'string', title: 'b', oneOf: [{ const: 'c', title: 'd' }] }
    }
  };
  assert.deepEqual(
    translated(schema, text => text.toUpperCase()),
    {
      title: 'A',
      properties: {
        title: { type: 'string', title: 'B', oneOf: [{ const: 'c', title: 'D' }] }
      }
    }
  );
});
