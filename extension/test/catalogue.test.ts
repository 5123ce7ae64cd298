import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { ICataloguePage, IEntry } from '../src/api';
import { CatalogueModel, PAGE, type Search } from '../src/catalogue/model';
import { deferred, settled, type IDeferred } from './deferred';

function entry(name: string): IEntry {
  return {
    kind: 'feature_view',
    name,
    title: null,
    description: null,
    entities: [],
    rows: null,
    columns: null,
    fresh_at: null,
    schema: null,
    table: null
  };
}

function page(names: string[], total = names.length): ICataloguePage {
  return { entries: names.map(entry), total, kinds: { feature_view: total } };
}

function model(search: Search): CatalogueModel {
  return new CatalogueModel({
    search,
    delay: () => 0,
    changed: () => undefined,
    isAborted: error => error instanceof Error && error.name === 'AbortError'
  });
}

test('typing fast searches once, for what was typed last', async () => {
  const asked: string[] = [];
  const catalogue = model(({ q }) => {
    asked.push(q);
    return Promise.resolve(page([q]));
  });
  ['画', '画像', '画像 '].forEach(q => catalogue.type(q));
  await new Promise(resolve => setTimeout(resolve, 10));
  assert.deepEqual(asked, ['画像']);
  assert.equal(catalogue.entry(0)?.name, '画像');
});

test('the answer to an older search is dropped and its request aborted', async () => {
  const answers: IDeferred<ICataloguePage>[] = [];
  const signals: (AbortSignal | undefined)[] = [];
  const catalogue = model((_args, signal) => {
    signals.push(signal);
    const answer = deferred<ICataloguePage>();
    answers.push(answer);
    return answer.promise;
  });
  void catalogue.refresh();
  void catalogue.refresh();
  answers[1]?.resolve(page(['new']));
  await settled();
  answers[0]?.resolve(page(['old']));
  await settled();
  assert.equal(signals[0]?.aborted, true);
  assert.equal(catalogue.entry(0)?.name, 'new');
});

test('a thousand entries come page by page', async () => {
  const offsets: number[] = [];
  const catalogue = model(({ offset, limit }) => {
    offsets.push(offset);
    const names = Array.from({ length: limit }, (_, i) => `v${offset + i}`);
    return Promise.resolve(page(names, 1000));
  });
  await catalogue.refresh();
  assert.equal(catalogue.entry(950), undefined);
  await settled();
  assert.equal(catalogue.entry(950)?.name, 'v950');
  assert.deepEqual(offsets, [0, 9 * PAGE]);
  assert.equal(catalogue.entry(1000), undefined);
});

test('a database that is down is told and forgotten when it is back', async () => {
  let down = true;
  const catalogue = model(() =>
    down ? Promise.reject(new Error('down')) : Promise.resolve(page(['back']))
  );
  await catalogue.refresh();
  assert.equal((catalogue.error as Error).message, 'down');
  down = false;
  await catalogue.refresh();
  assert.equal(catalogue.error, null);
  assert.equal(catalogue.total, 1);
});

test('the mark stays within the list', async () => {
  const catalogue = model(() => Promise.resolve(page(['a', 'b'])));
  await catalogue.refresh();
  catalogue.mark(7);
  assert.equal(catalogue.marked, 1);
  catalogue.mark(-3);
  assert.equal(catalogue.marked, 0);
});

test('a refresh keeps the mark, a new search begins at the top', async () => {
  const catalogue = model(() => Promise.resolve(page(['a', 'b', 'c'])));
  await catalogue.refresh();
  catalogue.mark(2);
  await catalogue.refresh();
  assert.equal(catalogue.marked, 2);
  await catalogue.choose('table');
  assert.equal(catalogue.marked, 0);
});
