/** Places in a statement, and statements as code of a notebook. */
import type { CodeStyle } from '../tokens';

/**
 * Where the word stands that an error is about. PostgreSQL counts characters from 1, the editor
 * counts UTF-16 units from 0: they differ after the first emoji.
 */
export function errorSpan(sql: string, position: number): [number, number] {
  const characters = [...sql];
  const from = characters.slice(0, Math.max(0, position - 1)).join('').length;
  const word = /^(?:"[^"]*"|[\p{L}\p{N}_$.]+|\S)/u.exec(sql.slice(from));
  const to = Math.min(sql.length, from + (word?.[0].length ?? 1));
  return from < to ? [from, to] : [Math.max(0, sql.length - 1), sql.length];
}

/** Line and column, both from 1. */
export function lineAndColumn(text: string, offset: number): [number, number] {
  const lines = text.slice(0, offset).split('\n');
  return [lines.length, [...(lines[lines.length - 1] ?? '')].length + 1];
}

/** A statement as a cell of a notebook. */
export function asCode(sql: string, style: CodeStyle): string {
  const body = sql.trim();
  if (style === 'magic') {
    return `%%kgsql\n${body}`;
  }
  if (style === 'sql') {
    return body;
  }
  const literal = body.replaceAll('\\', '\\\\').replaceAll('"""', '\\"\\"\\"');
  return (
    'import kgfeatures\n\ndb = kgfeatures.connect()\n' +
    `frame = db.sql("""\n${literal}\n""")\nframe`
  );
}

/** The first words of a statement, for a title. */
export function brief(sql: string, length = 120): string {
  const line = sql.trim().replace(/\s+/g, ' ');
  return line.length > length ? `${line.slice(0, length - 1)}…` : line;
}
