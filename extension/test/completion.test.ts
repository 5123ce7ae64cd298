import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { ICompletions } from '../src/api';
import { complete, quote } from '../src/sql/completion';

const KNOWN: ICompletions = {
  schemas: [
    {
      name: 'feature',
      relations: [
        {
          name: 'orders',
          kind: 'table',
          comment: 'what was bought',
          columns: [
            { name: 'customer_id', type: 'text' },
            { name: 'Total', type: 'numeric' }
          ]
        }
      ],
      functions: []
    },
    {
      name: 'rec',
      relations: [],
      functions: [
        {
          name: 'recommend',
          arguments: 'customer text',
          returns: 'table',
          comment: null
        }
      ]
    }
  ]
};

/** The labels offered where | stands. */
function offered(marked: string): string[] | null {
  const position = marked.indexOf('|');
  const found = complete(marked.replace('|', ''), position, KNOWN);
  return found && found.candidates.map(candidate => candidate.label);
}

test('after a schema stand its relations and functions', () => {
  assert.deepEqual(offered('select * from feature.|'), ['orders']);
  assert.deepEqual(offered('select * from rec.re|'), ['recommend']);
});

test('after an alias stand the columns of its table', () => {
  const columns = ['customer_id', 'Total'];
  assert.deepEqual(offered('select o.| from feature.orders as o'), columns);
  assert.deepEqual(offered('select o.| from feature.orders o where true'), columns);
  assert.deepEqual(offered('select orders.| from feature.orders'), columns);
  assert.deepEqual(offered('select feature.orders.|'), columns);
  assert.deepEqual(offered('select x.| from rec.a as y, feature.orders as x'), columns);
});

test('the columns of the tables named come without an alias too', () => {
  assert.ok(offered('select | from feature.orders')?.includes('customer_id'));
  assert.ok(!offered('select | from somewhere')?.includes('customer_id'));
});

test('only the statement at hand counts', () => {
  assert.deepEqual(offered('select 1 from feature.orders o; select o.|'), []);
});

test('a key word is no alias', () => {
  const found = offered('select | from feature.orders where true');
  assert.ok(found?.includes('orders'));
});

test('after from stand relations, no columns and no key words', () => {
  const found = offered('select * from |');
  assert.ok(found?.includes('feature.orders') && found.includes('feature'));
  assert.ok(!found?.includes('select') && !found?.includes('customer_id'));
});

test('nothing is offered inside strings and comments', () => {
  assert.equal(offered("select 'fea|'"), null);
  assert.equal(offered("select 'it''s fea|"), null);
  assert.equal(offered('select 1 -- fea|'), null);
  assert.equal(offered('select 1 /* fea| */'), null);
  assert.equal(offered('select $$ fea| $$'), null);
  assert.notEqual(offered("select 'x' || fea|"), null);
});

test('a table named in a comment is not meant', () => {
  assert.deepEqual(offered('select o.| /* from feature.orders o */'), []);
});

test('names are quoted where SQL wants it', () => {
  assert.equal(quote('customer_id'), 'customer_id');
  assert.equal(quote('Total'), '"Total"');
  assert.equal(quote('say "hi"'), '"say ""hi"""');
  assert.equal(quote('客户'), '"客户"');
});

test('the word at hand is replaced, the qualifier stays', () => {
  assert.equal(complete('select feature.ord', 18, KNOWN)?.from, 15);
});
