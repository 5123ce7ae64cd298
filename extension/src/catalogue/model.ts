/**
 * What the catalogue panel shows: the search, the entries found, the one that is marked.
 * Typing waits for a pause, a newer search aborts the older one, pages come as they are looked at.
 */
import type { ICataloguePage, IEntry, Kind } from '../api';
import { Pages } from '../pages';

export const PAGE = 100;

export type Search = (
  args: { q: string; kind: string; offset: number; limit: number },
  signal?: AbortSignal
) => Promise<ICataloguePage>;

export interface IHost {
  search: Search;
  delay: () => number;
  changed: () => void;
  isAborted: (error: unknown) => boolean;
}

export class CatalogueModel {
  query = '';
  kind: Kind | '' = '';
  total = 0;
  kinds: Partial<Record<Kind, number>> = {};
  marked = 0;
  error: unknown = null;
  /** Whether an answer is awaited. */
  busy = false;
  /** Whether the first answer is there. */
  ready = false;
  /** Called with every search that is sent. */
  searched: () => void = () => undefined;

  constructor(private readonly host: IHost) {
    this.pages = new Pages<IEntry>({
      fetch: async (offset, limit, signal) => {
        const { query: q, kind } = this;
        return (await host.search({ q, kind, offset, limit }, signal)).entries;
      },
      loaded: () => host.changed(),
      failed: error => this.fail(error),
      pageSize: PAGE,
      kept: 20
    });
  }

  /** Entry number `index` of those found, undefined while it is on the way. */
  entry(index: number): IEntry | undefined {
    return index < this.total ? this.pages.get(index) : undefined;
  }

  /** Look for other words, after a pause in typing. */
  type(query: string): void {
    this.query = query;
    this.marked = 0;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.refresh(), this.host.delay());
    this.host.changed();
  }

  /** Show one kind alone, or all for ''. */
  choose(kind: Kind | ''): Promise<void> {
    this.kind = kind;
    this.marked = 0;
    return this.refresh();
  }

  /** Move the mark, within the list. */
  mark(index: number): void {
    this.marked = Math.max(0, Math.min(index, this.total - 1));
    this.host.changed();
  }

  /** Ask again; an answer that is still on the way is given up. */
  async refresh(): Promise<void> {
    clearTimeout(this.timer);
    this.request?.abort();
    const request = (this.request = new AbortController());
    const args = { q: this.query.trim(), kind: this.kind, offset: 0, limit: PAGE };
    this.busy = true;
    this.searched();
    this.host.changed();
    try {
      const page = await this.host.search(args, request.signal);
      if (!request.signal.aborted) {
        this.accept(page);
      }
    } catch (error) {
      if (!request.signal.aborted) {
        this.fail(error);
      }
    }
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.request?.abort();
    this.pages.clear();
  }

  private accept(page: ICataloguePage): void {
    this.pages.clear();
    this.pages.put(0, page.entries);
    this.total = page.total;
    this.kinds = page.kinds;
    this.marked = Math.max(0, Math.min(this.marked, page.total - 1));
    this.error = null;
    this.busy = false;
    this.ready = true;
    this.host.changed();
  }

  private fail(error: unknown): void {
    if (!this.host.isAborted(error)) {
      this.error = error;
      this.busy = false;
      this.host.changed();
    }
  }

  private readonly pages: Pages<IEntry>;
  private request: AbortController | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
}
