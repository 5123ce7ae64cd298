/**
 * One query from "run" to its result: sent, asked about until it ends, freed when the next comes.
 * A costly one comes back with warnings and waits to be forced.
 */
import type { IErrorBody, IQuery } from '../api';

export type Phase = 'idle' | 'running' | 'costly' | 'done' | 'failed' | 'cancelled';

export interface IRunnerHost {
  run: (sql: string, force: boolean) => Promise<{ id: string }>;
  query: (id: string, signal: AbortSignal) => Promise<IQuery>;
  drop: (id: string) => Promise<void>;
  changed: () => void;
  wait: (milliseconds: number) => Promise<void>;
  /** The server's words for what was thrown, with warnings when the query is costly. */
  explain: (error: unknown) => { error: IErrorBody; warnings: string[] };
}

const FIRST_WAIT = 60;
const LAST_WAIT = 1000;

export class Runner {
  phase: Phase = 'idle';
  sql = '';
  query: IQuery | null = null;
  error: IErrorBody | null = null;
  warnings: string[] = [];

  constructor(private readonly host: IRunnerHost) {}

  get running(): boolean {
    return this.phase === 'running';
  }

  async run(sql: string, force = false): Promise<void> {
    this.release();
    const watch = (this.watch = new AbortController());
    this.sql = sql;
    this.error = null;
    this.warnings = [];
    this.enter('running');
    try {
      const { id } = await this.host.run(sql, force);
      if (watch.signal.aborted) {
        await this.host.drop(id);
        return;
      }
      this.id = id;
      await this.follow(id, watch.signal);
    } catch (error) {
      if (!watch.signal.aborted) {
        this.refuse(error);
      }
    }
  }

  /** Run what was held back as costly. */
  force(): Promise<void> {
    return this.run(this.sql, true);
  }

  /** End the query in the database. */
  cancel(): void {
    if (this.running) {
      this.release();
      this.enter('cancelled');
    }
  }

  /** Give the result back to the server. */
  release(): void {
    this.watch?.abort();
    this.query = null;
    if (this.id !== null) {
      // The server frees what nobody asks for; that it is gone already is no failure.
      this.host.drop(this.id).catch(() => undefined);
      this.id = null;
    }
  }

  private async follow(id: string, signal: AbortSignal): Promise<void> {
    for (let pause = FIRST_WAIT; ; pause = Math.min(pause * 1.5, LAST_WAIT)) {
      const query = await this.host.query(id, signal);
      if (signal.aborted) {
        return;
      }
      this.query = query;
      if (
        query.state === 'done' ||
        query.state === 'failed' ||
        query.state === 'cancelled'
      ) {
        this.error = query.error;
        this.enter(query.state);
        return;
      }
      this.host.changed();
      await this.host.wait(pause);
    }
  }

  private refuse(thrown: unknown): void {
    const { error, warnings } = this.host.explain(thrown);
    this.error = error;
    this.warnings = warnings;
    this.enter(error.kind === 'costly' ? 'costly' : 'failed');
  }

  private enter(phase: Phase): void {
    this.phase = phase;
    this.host.changed();
  }

  private id: string | null = null;
  private watch: AbortController | null = null;
}
