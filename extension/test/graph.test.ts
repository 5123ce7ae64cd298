import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { IEntity, INeighborhood } from '../src/api';
import { GraphModel, type IGraphHost } from '../src/graph/model';
import { STEP, asWidget, lines, tripleOf } from '../src/graph/tree';
import { settled } from './deferred';

const CUSTOMER: IEntity = { type: 'customer', key: 'c1', label: 'Ada', degree: 121 };
const BOUGHT = 120;

function around(
  key: string,
  relation: string | undefined,
  limit: number
): INeighborhood {
  const neighbor = (i: number): INeighborhood['neighbors'][number] => ({
    relation: 'bought',
    direction: 'out',
    type: 'product',
    key: `${key}.${i}`,
    label: null,
    since: null,
    source: 'raw.interaction'
  });
  const number = relation === 'bought' ? Math.min(BOUGHT, limit) : 1;
  return {
    entity: { ...CUSTOMER, type: key === 'c1' ? 'customer' : 'product', key },
    neighbors:
      relation === 'refers'
        ? [{ ...neighbor(0), relation: 'refers', direction: 'in', type: 'customer' }]
        : Array.from({ length: number }, (_, i) => neighbor(i)),
    relations: [
      { relation: 'bought', direction: 'out', count: BOUGHT },
      { relation: 'refers', direction: 'in', count: 1 }
    ],
    sql: `select '${key}'`
  };
}

function model(given: Partial<IGraphHost> = {}): GraphModel {
  return new GraphModel({
    entities: () => Promise.resolve({ entities: [CUSTOMER] }),
    neighbors: ({ key, relation, limit }) =>
      Promise.resolve(around(key, relation, limit)),
    evidence: () => Promise.resolve({ evidence: [] }),
    delay: () => 0,
    sentence: String,
    changed: () => undefined,
    ...given
  });
}

test('an entity opens with its relations closed', async () => {
  const graph = model();
  await graph.show(CUSTOMER);
  assert.deepEqual(
    graph.rows.map(({ kind, level, open }) => [kind, level, open]),
    [
      ['entity', 1, true],
      ['relation', 2, false],
      ['relation', 2, false]
    ]
  );
});

test('a relation opens with a step of neighbours and a row for more', async () => {
  const graph = model();
  await graph.show(CUSTOMER);
  await graph.toggle([0]);
  assert.equal(graph.rows.length, 3 + STEP + 1);
  assert.equal(graph.rows[2 + STEP]?.kind, 'more');
  await graph.more([0]);
  await graph.more([0]);
  assert.equal(graph.rows.length, 3 + BOUGHT);
});

test('what was opened below stays open when more comes', async () => {
  const graph = model();
  await graph.show(CUSTOMER);
  await graph.toggle([0]);
  await graph.toggle([0, 3]);
  const before = graph.rows.filter(row => row.level > 3).length;
  await graph.more([0]);
  assert.ok(before > 0);
  assert.equal(graph.rows.filter(row => row.level > 3).length, before);
});

test('a relation is asked for once', async () => {
  let asked = 0;
  const graph = model({
    neighbors: ({ key, relation, limit }) => {
      asked += 1;
      return Promise.resolve(around(key, relation, limit));
    }
  });
  await graph.show(CUSTOMER);
  await graph.toggle([0]);
  await graph.toggle([0]);
  await graph.toggle([0]);
  assert.equal(asked, 2);
});

test('a triple is told from head to tail whichever way it was walked', async () => {
  const graph = model();
  await graph.show(CUSTOMER);
  await graph.toggle([0]);
  await graph.toggle([1]);
  assert.ok(graph.tree);
  const [out, into] = [tripleOf(graph.tree, [0, 0]), tripleOf(graph.tree, [1, 0])];
  assert.deepEqual([out?.head, out?.relation, out?.tail], ['c1', 'bought', 'c1.0']);
  assert.deepEqual([into?.head, into?.relation, into?.tail], ['c1.0', 'refers', 'c1']);
  assert.equal(tripleOf(graph.tree, []), null);
});

test('the table shows every triple of the tree', async () => {
  const graph = model();
  await graph.show(CUSTOMER);
  await graph.toggle([1]);
  assert.ok(graph.tree);
  const table = lines(graph.tree).map(line => [
    line.head.key,
    line.relation,
    line.tail.key
  ]);
  assert.deepEqual(table, [['c1.0', 'refers', 'c1']]);
});

test('a reload opens the relations that were open', async () => {
  const graph = model();
  await graph.show(CUSTOMER, ['in refers']);
  assert.deepEqual(graph.openGroups, ['in refers']);
  assert.equal(graph.rows[3]?.kind, 'entity');
});

test('choosing a triple asks for its evidence', async () => {
  const asked: string[] = [];
  const graph = model({
    evidence: triple => {
      asked.push(`${triple.head} ${triple.relation} ${triple.tail}`);
      return Promise.resolve({ evidence: [] });
    }
  });
  await graph.show(CUSTOMER);
  await graph.toggle([0]);
  graph.choose([0]);
  graph.choose([0, 1]);
  await settled();
  assert.deepEqual(asked, ['c1 bought c1.1']);
  assert.deepEqual(graph.evidence, []);
});

test('a failure is told where it happened', async () => {
  const graph = model({ neighbors: () => Promise.reject('no database') });
  await graph.show(CUSTOMER);
  assert.equal(graph.tree?.failure, 'no database');
});

test('code for a widget quotes whatever is in a key', () => {
  const key = 'a"b\\c\n顾客';
  const [, call] = asWidget({ ...CUSTOMER, key }).split('\n\n');
  assert.equal(call, 'GraphBrowser("customer", "a\\"b\\\\c\\n顾客")');
});
