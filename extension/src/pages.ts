/**
 * A long list of which only some pages are kept: rows are asked for when they are looked at, the
 * page looked at longest ago is dropped, and a request that nobody waits for any more is aborted.
 */
export type Fetch<T> = (
  offset: number,
  limit: number,
  signal: AbortSignal
) => Promise<readonly T[]>;

export interface IPagesOptions<T> {
  fetch: Fetch<T>;
  /** Called when rows [offset, offset + count) can be read. */
  loaded: (offset: number, count: number) => void;
  failed: (error: unknown) => void;
  pageSize: number;
  /** How many pages are kept. */
  kept: number;
  /** How many requests may be under way; the oldest is aborted for a newer one. */
  pending?: number;
}

export class Pages<T> {
  constructor(private readonly options: IPagesOptions<T>) {}

  /** The number of rows in memory. */
  get size(): number {
    let total = 0;
    this.pages.forEach(page => (total += page.length));
    return total;
  }

  /** Row number `row`, or undefined while its page is on the way. */
  get(row: number): T | undefined {
    const size = this.options.pageSize;
    const index = Math.floor(row / size);
    const page = this.pages.get(index);
    if (page === undefined) {
      this.ask(index);
      return undefined;
    }
    // A Map keeps the order of insertion: what was looked at last stands at its end.
    this.pages.delete(index);
    this.pages.set(index, page);
    return page[row - index * size];
  }

  /** Store a page that came with another answer. */
  put(index: number, rows: readonly T[]): void {
    this.pages.delete(index);
    this.pages.set(index, rows);
    const oldest = this.pages.keys().next();
    if (this.pages.size > this.options.kept && !oldest.done) {
      this.pages.delete(oldest.value);
    }
  }

  /** Forget everything, and whatever is on the way. */
  clear(): void {
    this.requests.forEach(request => request.abort());
    this.requests.clear();
    this.pages.clear();
  }

  private ask(index: number): void {
    if (this.requests.has(index)) {
      return;
    }
    const { pageSize, fetch, loaded, failed, pending = 3 } = this.options;
    const oldest = this.requests.entries().next();
    if (this.requests.size >= pending && !oldest.done) {
      oldest.value[1].abort();
      this.requests.delete(oldest.value[0]);
    }
    const request = new AbortController();
    this.requests.set(index, request);
    fetch(index * pageSize, pageSize, request.signal).then(
      rows => {
        if (!request.signal.aborted) {
          this.requests.delete(index);
          this.put(index, rows);
          loaded(index * pageSize, rows.length);
        }
      },
      (error: unknown) => {
        if (!request.signal.aborted) {
          this.requests.delete(index);
          failed(error);
        }
      }
    );
  }

  private readonly pages = new Map<number, readonly T[]>();
  private readonly requests = new Map<number, AbortController>();
}
