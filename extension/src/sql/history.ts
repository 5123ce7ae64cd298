/** The statements that were run, newest first; the same statement stands there once. */
export interface IPast {
  sql: string;
  /** ISO time of the last run. */
  at: string;
  rows: number | null;
  seconds: number;
  state: 'done' | 'failed' | 'cancelled';
}

export const KEPT = 100;

export function remember(history: readonly IPast[], past: IPast): IPast[] {
  const others = history.filter(({ sql }) => sql !== past.sql);
  return [past, ...others].slice(0, KEPT);
}

/** What of a stored value is history; whatever else was stored is left out. */
export function readHistory(stored: unknown): IPast[] {
  const list = Array.isArray(stored) ? (stored as unknown[]) : [];
  return list.filter(isPast).slice(0, KEPT);
}

function isPast(value: unknown): value is IPast {
  const past = value as Partial<IPast> | null;
  return (
    typeof past === 'object' &&
    typeof past?.sql === 'string' &&
    typeof past.at === 'string'
  );
}
