/**
 * What can be written at a place of a statement: columns of the tables that the statement names,
 * relations and functions of a schema, schemas, key words. Knows the text alone, no editor.
 */
import type { ICompletions, IColumn, ISchema } from '../api';

export interface ICandidate {
  label: string;
  type: 'column' | 'relation' | 'function' | 'schema' | 'alias' | 'keyword';
  /** What is written, where it is not the label. */
  apply?: string;
  detail?: string;
  info?: string;
  boost?: number;
}

export interface ICompletion {
  /** Where the word begins that a candidate replaces. */
  from: number;
  candidates: ICandidate[];
}

type Relation = ISchema['relations'][number];

const NAME = '(?:[\\p{L}_][\\p{L}\\p{N}_$]*|"[^"]*")';
const QUALIFIED = `(?:${NAME}\\.)?${NAME}`;
const WORD = new RegExp(`((?:${NAME}\\.)*)("?[\\p{L}\\p{N}_$]*)$`, 'u');
const MENTION = new RegExp(
  `(?:\\b(from|join|into|update)\\s+|(,)\\s*)(?:only\\s+)?(${QUALIFIED})(?:\\s+(?:as\\s+)?(${NAME}))?`,
  'giu'
);
const AFTER_FROM = new RegExp(`\\b(?:from|join|into|update)\\s+${QUALIFIED}?$`, 'iu');

export const KEYWORDS: readonly string[] = (
  'select from where group by order having limit offset distinct on with as join left right full ' +
  'inner outer cross lateral using union all except intersect values case when then else end and ' +
  'or not in exists between like ilike is null true false asc desc nulls first last over ' +
  'partition filter within interval cast count sum avg min max coalesce nullif array any explain'
).split(' ');

/** What fits at `position` of `sql`; null inside strings and comments. */
export function complete(
  sql: string,
  position: number,
  known: ICompletions
): ICompletion | null {
  const plain = blank(sql);
  if (plain.inside(position)) {
    return null;
  }
  const [start, end] = statement(plain.text, position);
  const before = plain.text.slice(start, position);
  const [, path = '', word = ''] = WORD.exec(before) ?? [];
  const from = position - word.length;
  const tables = mentioned(plain.text.slice(start, end), known);
  const qualifiers = path.split('.').slice(0, -1).map(unquote);
  const candidates = qualifiers.length
    ? ofQualifier(qualifiers, tables, known)
    : ofAnything(AFTER_FROM.test(before), tables, known);
  return { from, candidates: unique(candidates) };
}

/** Strings, quoted dollars and comments blanked out; all places stay where they are. */
export function blank(sql: string): {
  text: string;
  inside: (position: number) => boolean;
} {
  const spans: [number, number][] = [];
  const part =
    /'(?:[^']|'')*(?:'|$)|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|(\$\w*\$)[\s\S]*?(?:\1|$)|"[^"]*"/g;
  const text = sql.replace(part, (found: string, _tag: unknown, at: number) => {
    if (found.startsWith('"')) {
      return found;
    }
    spans.push([at, at + found.length]);
    return found.replace(/[^\n]/g, ' ');
  });
  const inside = (position: number): boolean =>
    spans.some(([from, to]) => {
      const open =
        sql.startsWith('--', from) || (to === sql.length && !closed(sql, from));
      return position > from && (position < to || (open && position === to));
    });
  return { text, inside };
}

function closed(sql: string, from: number): boolean {
  const rest = sql.slice(from);
  const ends = /^'(?:[^']|'')*'$|^\/\*[\s\S]*\*\/$|^(\$\w*\$)[\s\S]*\1$/;
  return ends.test(rest);
}

function statement(text: string, position: number): [number, number] {
  const start = text.lastIndexOf(';', position - 1) + 1;
  const end = text.indexOf(';', position);
  return [start, end < 0 ? text.length : end];
}

/** The known relations that a statement names, by alias or name. */
function mentioned(text: string, known: ICompletions): Map<string, Relation> {
  const found = new Map<string, Relation>();
  for (const [, , , written = '', alias] of text.matchAll(MENTION)) {
    const relation = resolve(written, known);
    if (relation) {
      const given =
        alias !== undefined && !KEYWORDS.includes(alias.toLowerCase()) ? alias : null;
      found.set(given === null ? relation.name : unquote(given), relation);
    }
  }
  return found;
}

function resolve(written: string, known: ICompletions): Relation | undefined {
  const parts = written.split('.').map(unquote);
  const name = parts.pop();
  const schemas = parts.length
    ? known.schemas.filter(schema => schema.name === parts[0])
    : known.schemas;
  return schemas
    .flatMap(schema => schema.relations)
    .find(relation => relation.name === name);
}

function ofQualifier(
  qualifiers: string[],
  tables: Map<string, Relation>,
  known: ICompletions
): ICandidate[] {
  const last = qualifiers[qualifiers.length - 1] ?? '';
  if (qualifiers.length > 1) {
    const relation = resolve(qualifiers.slice(-2).map(quote).join('.'), known);
    return relation ? columns(relation.columns, relation.name) : [];
  }
  const table = tables.get(last);
  const schema = known.schemas.find(({ name }) => name === last);
  return [
    ...(table ? columns(table.columns, table.name) : []),
    ...(schema ? [...relations(schema, ''), ...functions(schema, '')] : [])
  ];
}

function ofAnything(
  relationsOnly: boolean,
  tables: Map<string, Relation>,
  known: ICompletions
): ICandidate[] {
  const everywhere = known.schemas.flatMap(schema => [
    { label: schema.name, apply: `${quote(schema.name)}.`, type: 'schema' as const },
    ...relations(schema, `${quote(schema.name)}.`),
    ...functions(schema, `${quote(schema.name)}.`)
  ]);
  if (relationsOnly) {
    return everywhere;
  }
  const aliases = [...tables].map(([alias, { name }]): ICandidate => ({
    label: alias,
    apply: quote(alias),
    type: 'alias',
    detail: name,
    boost: 1
  }));
  const here = [...tables.values()].flatMap(table =>
    columns(table.columns, table.name)
  );
  const words = KEYWORDS.map((label): ICandidate => ({
    label,
    type: 'keyword',
    boost: -1
  }));
  return [...here, ...aliases, ...everywhere, ...words];
}

function columns(given: IColumn[], table: string): ICandidate[] {
  return given.map(({ name, type }) => ({
    label: name,
    apply: quote(name),
    type: 'column',
    detail: type,
    info: table,
    boost: 2
  }));
}

function relations(schema: ISchema, prefix: string): ICandidate[] {
  return schema.relations.map(({ name, kind, comment }) => ({
    label: `${prefix}${name}`,
    apply: `${prefix}${quote(name)}`,
    type: 'relation',
    detail: kind,
    ...(comment ? { info: comment } : {})
  }));
}

function functions(schema: ISchema, prefix: string): ICandidate[] {
  return schema.functions.map(({ name, arguments: taken, returns, comment }) => ({
    label: `${prefix}${name}`,
    apply: `${prefix}${quote(name)}(`,
    type: 'function',
    detail: `(${taken}) → ${returns}`,
    ...(comment ? { info: comment } : {})
  }));
}

function unique(candidates: ICandidate[]): ICandidate[] {
  const seen = new Map<string, ICandidate>();
  for (const candidate of candidates) {
    const key = `${candidate.type} ${candidate.label} ${candidate.detail ?? ''}`;
    if (!seen.has(key)) {
      seen.set(key, candidate);
    }
  }
  return [...seen.values()];
}

/** A name as SQL wants it: in quotes unless it is lower-case letters, digits and underscores. */
export function quote(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

function unquote(name: string): string {
  return name.startsWith('"')
    ? name.slice(1, -1).replaceAll('""', '"')
    : name.toLowerCase();
}
