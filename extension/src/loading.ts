/** What a view waits for: at most one request at a time, the newest wins. */
export class Loading<T> {
  value: T | null = null;
  error: unknown = null;
  busy = false;

  constructor(
    private readonly ask: (signal: AbortSignal) => Promise<T>,
    private readonly changed: () => void
  ) {}

  async load(): Promise<void> {
    this.request?.abort();
    const request = (this.request = new AbortController());
    this.busy = true;
    this.changed();
    try {
      const value = await this.ask(request.signal);
      this.settle(request, value, null);
    } catch (error) {
      this.settle(request, this.value, error);
    }
  }

  dispose(): void {
    this.request?.abort();
  }

  private settle(request: AbortController, value: T | null, error: unknown): void {
    if (!request.signal.aborted) {
      this.value = value;
      this.error = error;
      this.busy = false;
      this.changed();
    }
  }

  private request: AbortController | null = null;
}
