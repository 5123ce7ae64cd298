import assert from 'node:assert/strict';
import { test } from 'node:test';

import { asCode, brief, errorSpan, lineAndColumn } from '../src/sql/text';

test('an error marks the word that PostgreSQL means', () => {
  assert.deepEqual(errorSpan('select wrong from x', 8), [7, 12]);
});

test('positions count characters, not UTF-16 units', () => {
  const sql = "select '😀', wrong";
  const position = [...sql].indexOf('w') + 1;
  const [from, to] = errorSpan(sql, position);
  assert.equal(sql.slice(from, to), 'wrong');
});

test('an error behind the end marks the last character', () => {
  assert.deepEqual(errorSpan('select', 7), [5, 6]);
});

test('lines and columns count from one', () => {
  assert.deepEqual(lineAndColumn('select\n  wrong', 9), [2, 3]);
});

test('code keeps what the statement says', () => {
  const python = asCode('select \'\\d\', """x"""', 'python');
  assert.ok(python.includes(String.raw`select '\\d', \"\"\"x\"\"\"`));
  assert.equal(asCode(' select 1\n', 'magic'), '%%kgsql\nselect 1');
  assert.equal(asCode(' select 1\n', 'sql'), 'select 1');
});

test('a title is one line', () => {
  assert.equal(brief('select\n  1'), 'select 1');
  assert.equal(brief('abcdef', 4), 'abc…');
});
