/**
 * The REST interface `kgfeatures/v1` of the server extension: its JSON and the one class that asks.
 */
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

export type Kind =
  | 'feature_view'
  | 'service'
  | 'entity'
  | 'vectors'
  | 'relation'
  | 'entity_type'
  | 'table';

export type Cell = string | number | boolean | null;

export interface IEntry {
  kind: Kind;
  name: string;
  title: string | null;
  description: string | null;
  description_zh?: string | null;
  entities: string[];
  rows: number | null;
  columns: number | null;
  fresh_at: string | null;
  schema: string | null;
  table: string | null;
}

export interface IColumn {
  name: string;
  type: string;
}

export interface IProfiledColumn extends IColumn {
  role: 'key' | 'time' | 'feature' | 'vector';
  description: string | null;
  description_zh?: string | null;
  null_rate: number | null;
  distinct: number | null;
  minimum: Cell;
  maximum: Cell;
  common: { value: Cell; share: number }[] | null;
  norm: { minimum: number; mean: number; maximum: number } | null;
}

export interface IIndex {
  name: string;
  method: string;
  columns: string[];
  valid: boolean;
}

export interface ILineageStep {
  step: string;
  run_id: string | number;
  started_at: string | null;
  finished_at: string | null;
  rows: number | null;
  inputs: string[];
  outputs: string[];
  parameters: Record<string, unknown>;
}

export interface ICode {
  python: string;
  sql: string;
  magic: string;
}

export interface IDetail extends IEntry {
  schema_columns: IProfiledColumn[];
  indexes: IIndex[];
  lineage: ILineageStep[];
  services: string[];
  code: ICode;
}

export interface ICataloguePage {
  entries: IEntry[];
  total: number;
  kinds: Partial<Record<Kind, number>>;
}

export interface ISample {
  columns: IColumn[];
  rows: Cell[][];
  sql: string;
}

export interface IEntity {
  type: string;
  key: string;
  label: string | null;
  degree: number | null;
}

export type Direction = 'out' | 'in';

export interface INeighbor {
  relation: string;
  direction: Direction;
  type: string;
  key: string;
  label: string | null;
  since: string | null;
  /** Who says so first; what customers did is said by the shop's own rows. */
  source: string | null;
}

export interface IRelationCount {
  relation: string;
  direction: Direction;
  count: number;
}

export interface INeighborhood {
  entity: IEntity;
  neighbors: INeighbor[];
  relations: IRelationCount[];
  sql: string;
}

export interface IEvidence {
  source: string;
  method: string | null;
  confidence: number | null;
  observed_at: string | null;
  text: string | null;
}

export interface ITriple {
  head_type: string;
  head: string;
  relation: string;
  tail_type: string;
  tail: string;
}

export interface ICompletions {
  schemas: ISchema[];
}

export interface ISchema {
  name: string;
  relations: {
    name: string;
    kind: string;
    comment: string | null;
    columns: IColumn[];
  }[];
  functions: {
    name: string;
    arguments: string;
    returns: string;
    comment: string | null;
  }[];
}

export interface IQuery {
  id: string;
  sql: string;
  state: 'queued' | 'running' | 'done' | 'failed' | 'cancelled';
  columns: IColumn[] | null;
  rows: number;
  capped: boolean;
  seconds: number;
  error: IErrorBody | null;
  notices: string[];
}

export interface IPlan {
  plan: string;
  warnings: string[];
}

export interface IRun {
  run_id: string | number;
  step: string;
  state: 'running' | 'finished' | 'failed';
  started_at: string | null;
  finished_at: string | null;
  seconds: number | null;
  rows: number | null;
  label: string | null;
  note?: string | null;
  error?: string | null;
  done: number | null;
  total: number | null;
}

export interface IStatus {
  version: string;
  database: { reachable: boolean; message: string | null };
  limits: { row_cap: number; page: number; timeout_s: number };
}

export interface IErrorBody {
  kind: string;
  message: string;
  position?: number | null;
  hint?: string | null;
}

/** A refusal of the server, in its own words. */
export class ServerError extends Error {
  constructor(
    readonly status: number,
    readonly body: IErrorBody,
    readonly warnings: string[] = [],
    /** Whether somebody else has answered: a proxy, or a server without our extension. */
    readonly foreign = false
  ) {
    super(body.message);
    this.name = 'ServerError';
  }
}

type Arguments = Record<string, string | number | boolean | null | undefined>;

/** Asks the server; every call can be aborted. Errors come in the language of the interface. */
export class Client {
  constructor(
    private readonly locale: string,
    private readonly settings: ServerConnection.ISettings = ServerConnection.makeSettings()
  ) {}

  status(signal?: AbortSignal): Promise<IStatus> {
    return this.get('status', {}, signal);
  }

  catalogue(
    args: { q: string; kind: string; offset: number; limit: number },
    signal?: AbortSignal
  ): Promise<ICataloguePage> {
    return this.get('catalogue', args, signal);
  }

  detail(kind: string, name: string, signal?: AbortSignal): Promise<IDetail> {
    return this.get(`catalogue/${part(kind)}/${part(name)}`, {}, signal);
  }

  sample(
    kind: string,
    name: string,
    limit: number,
    signal?: AbortSignal
  ): Promise<ISample> {
    return this.get(`catalogue/${part(kind)}/${part(name)}/sample`, { limit }, signal);
  }

  entities(
    args: { q: string; type: string; limit: number },
    signal?: AbortSignal
  ): Promise<{ entities: IEntity[]; sql: string }> {
    return this.get('entities', args, signal);
  }

  neighbors(
    args: {
      type: string;
      key: string;
      relation?: string;
      direction?: Direction | 'both';
      limit: number;
    },
    signal?: AbortSignal
  ): Promise<INeighborhood> {
    return this.get('neighbors', args, signal);
  }

  evidence(
    triple: ITriple,
    signal?: AbortSignal
  ): Promise<{ evidence: IEvidence[]; sql: string }> {
    return this.get('evidence', { ...triple }, signal);
  }

  completions(): Promise<ICompletions> {
    return this.get('completions', {});
  }

  run(sql: string, rowCap: number, force: boolean): Promise<{ id: string }> {
    const body = { sql, row_cap: rowCap, force };
    return this.send('queries', { method: 'POST', body: JSON.stringify(body) });
  }

  query(id: string, signal?: AbortSignal): Promise<IQuery> {
    return this.get(`queries/${part(id)}`, {}, signal);
  }

  async rows(
    id: string,
    offset: number,
    limit: number,
    signal?: AbortSignal
  ): Promise<Cell[][]> {
    const path = `queries/${part(id)}/rows`;
    const page = await this.get<{ rows: Cell[][] }>(path, { offset, limit }, signal);
    return page.rows;
  }

  async drop(id: string): Promise<void> {
    await this.request(`queries/${part(id)}`, { method: 'DELETE' });
  }

  explain(sql: string, signal?: AbortSignal): Promise<IPlan> {
    const body = JSON.stringify({ sql });
    return this.send('queries/explain', {
      method: 'POST',
      body,
      signal: signal ?? null
    });
  }

  async export(id: string, format: 'csv' | 'parquet'): Promise<Blob> {
    const path = `queries/${part(id)}/export?format=${format}`;
    return (await this.request(path, {})).blob();
  }

  async runs(limit: number): Promise<IRun[]> {
    return (await this.get<{ runs: IRun[] }>('runs', { limit })).runs;
  }

  private get<T>(path: string, args: Arguments, signal?: AbortSignal): Promise<T> {
    const given = Object.entries(args).filter(([, value]) => value !== undefined);
    const query = new URLSearchParams(
      given.map(([key, value]) => [key, `${value ?? ''}`])
    );
    const asked = given.length ? `${path}?${query.toString()}` : path;
    return this.send(asked, { signal: signal ?? null });
  }

  private async send<T>(path: string, init: RequestInit): Promise<T> {
    return (await (await this.request(path, init)).json()) as T;
  }

  private async request(path: string, init: RequestInit): Promise<Response> {
    const url = URLExt.join(this.settings.baseUrl, 'kgfeatures/v1') + '/' + path;
    const response = await ServerConnection.makeRequest(
      url,
      { cache: 'no-store', headers: { 'Accept-Language': this.locale }, ...init },
      this.settings
    );
    if (!response.ok) {
      throw await refusal(response);
    }
    return response;
  }
}

async function refusal(response: Response): Promise<ServerError> {
  const text = await response.text();
  try {
    const body = JSON.parse(text) as { error?: IErrorBody; warnings?: string[] };
    if (body.error?.message) {
      return new ServerError(response.status, body.error, body.warnings);
    }
  } catch {
    // No JSON, so not ours.
  }
  const message = `${response.status} ${response.statusText}`.trim();
  return new ServerError(response.status, { kind: 'unavailable', message }, [], true);
}

function part(value: string): string {
  return encodeURIComponent(value);
}

/** Whether an error only says that nobody waits for the answer any more. */
export function isAborted(error: unknown): boolean {
  if (!(error instanceof Error)) {
    return false;
  }
  // JupyterLab wraps what fetch throws in a NetworkError of the same message.
  return error.name === 'AbortError' || /abort/i.test(error.message);
}

/** The sentence to show for whatever was thrown. */
export function sentence(error: unknown): string {
  if (error instanceof ServerError && error.body.hint) {
    return `${error.message} ${error.body.hint}`;
  }
  return error instanceof Error ? error.message : String(error);
}
