/** The runs as the status bar tells them. */
import type { IRun } from '../api';

export const SHOWN = 20;
/** Seconds between two looks while something runs. */
const BUSY = 2;

/** Share of a run that is done, in [0, 1]; null where nobody knows. */
export function share({ done, total }: IRun): number | null {
  return done === null || total === null || total <= 0
    ? null
    : Math.min(1, done / total);
}

export function running(runs: readonly IRun[]): IRun[] {
  return runs.filter(run => run.state === 'running');
}

/** Milliseconds until the next look: soon while something runs. */
export function pause(runs: readonly IRun[], seconds: number): number {
  return 1000 * (running(runs).length > 0 ? Math.min(BUSY, seconds) : seconds);
}

/** The runs that ended since the last look, oldest first; none at the first look. */
export function ended(before: readonly IRun[] | null, now: readonly IRun[]): IRun[] {
  const open = new Set(running(before ?? []).map(run => String(run.run_id)));
  return now
    .filter(run => run.state !== 'running' && open.has(String(run.run_id)))
    .reverse();
}
