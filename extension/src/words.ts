/** The words of the catalogue that stand in several places. */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { IProfiledColumn, Kind } from './api';

export const KINDS: readonly Kind[] = [
  'feature_view',
  'service',
  'entity',
  'vectors',
  'relation',
  'entity_type',
  'table'
];

export function kindName(trans: TranslationBundle, kind: Kind): string {
  const names: Record<Kind, string> = {
    feature_view: trans.__('Feature view'),
    service: trans.__('Feature service'),
    entity: trans.__('Entity'),
    vectors: trans.__('Vectors'),
    relation: trans.__('Relation'),
    entity_type: trans.__('Entity type'),
    table: trans.__('Table')
  };
  return names[kind] ?? kind;
}

export function roleName(
  trans: TranslationBundle,
  role: IProfiledColumn['role']
): string {
  const names: Record<IProfiledColumn['role'], string> = {
    key: trans.__('key'),
    time: trans.__('time'),
    feature: trans.__('feature'),
    vector: trans.__('vector')
  };
  return names[role] ?? role;
}

/** A description in the language of the interface, where it was given in that. */
export function described(
  entry: { description: string | null; description_zh?: string | null },
  locale: string
): string {
  const chinese = locale.startsWith('zh') ? entry.description_zh : null;
  return chinese || entry.description || '';
}
