import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Pages } from '../src/pages';
import { deferred, settled } from './deferred';

const numbers = (offset: number, limit: number): number[] =>
  Array.from({ length: limit }, (_, i) => offset + i);

function pages(kept = 3): { list: Pages<number>; asked: number[]; loaded: number[] } {
  const asked: number[] = [];
  const loaded: number[] = [];
  const list = new Pages<number>({
    fetch: (offset, limit) => {
      asked.push(offset);
      return Promise.resolve(numbers(offset, limit));
    },
    loaded: offset => loaded.push(offset),
    failed: error => assert.fail(String(error)),
    pageSize: 10,
    kept
  });
  return { list, asked, loaded };
}

test('a row is asked for when it is looked at, its page once', async () => {
  const { list, asked, loaded } = pages();
  assert.equal(list.get(12), undefined);
  assert.equal(list.get(13), undefined);
  await settled();
  assert.deepEqual([asked, loaded], [[10], [10]]);
  assert.equal(list.get(13), 13);
});

test('a million rows looked at keep a few pages in memory', async () => {
  const { list, asked } = pages(3);
  for (let row = 0; row < 1_000_000; row += 50_000) {
    list.get(row);
    await settled();
  }
  assert.equal(asked.length, 20);
  assert.equal(list.size, 30);
});

test('the page looked at longest ago goes first', async () => {
  const { list, asked } = pages(2);
  for (const row of [0, 10, 0, 20, 0]) {
    list.get(row);
    await settled();
  }
  assert.deepEqual(asked, [0, 10, 20]);
});

test('fast scrolling aborts the oldest request', () => {
  const aborted: number[] = [];
  const list = new Pages<number>({
    fetch: (offset, _limit, signal) => {
      signal.addEventListener('abort', () => aborted.push(offset));
      return deferred<number[]>().promise;
    },
    loaded: () => assert.fail('nothing came'),
    failed: () => assert.fail('nothing failed'),
    pageSize: 10,
    kept: 5,
    pending: 2
  });
  [0, 10, 20, 30].forEach(row => list.get(row));
  assert.deepEqual(aborted, [0, 10]);
  list.clear();
  assert.deepEqual(aborted, [0, 10, 20, 30]);
});

test('a page that failed can be asked for again', async () => {
  const failures: unknown[] = [];
  let times = 0;
  const list = new Pages<number>({
    fetch: (offset, limit) =>
      times++ === 0
        ? Promise.reject(new Error('down'))
        : Promise.resolve(numbers(offset, limit)),
    loaded: () => undefined,
    failed: error => failures.push(error),
    pageSize: 10,
    kept: 2
  });
  list.get(0);
  await settled();
  list.get(0);
  await settled();
  assert.equal(failures.length, 1);
  assert.equal(list.get(0), 0);
});
