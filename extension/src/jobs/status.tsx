/** What runs, in the status bar; a click lists the last runs. */
import { ReactWidget } from '@jupyterlab/ui-components';
import { showPopup, type Popup } from '@jupyterlab/statusbar';
import { Signal } from '@lumino/signaling';
import * as React from 'react';

import { sentence, type IRun } from '../api';
import { count, moment, percent } from '../format';
import type { IKGFeatures } from '../tokens';
import { ended, pause, running, share, SHOWN } from './model';

export class JobsStatus extends ReactWidget {
  readonly changed = new Signal<JobsStatus, void>(this);
  runs: readonly IRun[] | null = null;
  failure: string | null = null;

  constructor(
    readonly shared: IKGFeatures,
    private readonly tell: (run: IRun) => void
  ) {
    super();
    this.addClass('kgf-Jobs');
    // What others do in the meantime is of no interest to a tab that nobody sees.
    document.addEventListener('visibilitychange', this.onVisible);
    void this.look();
  }

  override dispose(): void {
    clearTimeout(this.timer);
    document.removeEventListener('visibilitychange', this.onVisible);
    this.popup?.dispose();
    super.dispose();
  }

  /** Show or hide the list of the last runs. */
  toggle(): void {
    if (this.popup && !this.popup.isDisposed) {
      this.popup.dispose();
      this.popup = null;
      return;
    }
    const body = ReactWidget.create(<RunList jobs={this} />);
    body.addClass('kgf-Runs');
    // It grows upwards from the bar once it has rows.
    this.popup = showPopup({ body, anchor: this, align: 'left', hasDynamicSize: true });
    void this.look();
  }

  protected render(): React.JSX.Element {
    const { trans } = this.shared;
    const active = running(this.runs ?? []);
    const [first] = active;
    const part = first && share(first);
    const progress =
      part === null || part === undefined
        ? ''
        : ` ${percent(part, this.shared.locale)}`;
    const text =
      this.failure !== null
        ? trans.__('Features: no database')
        : first === undefined
          ? trans.__('Features: idle')
          : active.length === 1
            ? `${first.step}${progress}`
            : trans.__('%1 steps running', active.length);
    return (
      <button
        className="jp-StatusItem kgf-Jobs-button"
        title={this.failure ?? trans.__('Show the last runs')}
        onClick={() => this.toggle()}
      >
        {text}
      </button>
    );
  }

  private async look(): Promise<void> {
    clearTimeout(this.timer);
    try {
      const runs = await this.shared.client.runs(SHOWN);
      ended(this.runs, runs).forEach(run => this.tell(run));
      this.runs = runs;
      this.failure = null;
    } catch (error) {
      this.failure = sentence(error);
    }
    if (!this.isDisposed) {
      this.update();
      this.changed.emit();
      this.schedule();
    }
  }

  private schedule(): void {
    if (!document.hidden) {
      const time = pause(this.runs ?? [], this.shared.settings.jobsInterval);
      this.timer = setTimeout(() => void this.look(), time);
    }
  }

  private readonly onVisible = (): void => {
    if (!document.hidden) {
      void this.look();
    }
  };

  private popup: Popup | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
}

function RunList({ jobs }: { jobs: JobsStatus }): React.JSX.Element {
  const [, redraw] = React.useReducer((times: number) => times + 1, 0);
  const box = React.useRef<HTMLDivElement>(null);
  React.useEffect(() => {
    jobs.changed.connect(redraw);
    box.current?.focus();
    return () => {
      jobs.changed.disconnect(redraw);
    };
  }, [jobs]);
  const { trans } = jobs.shared;
  const runs = jobs.runs ?? [];
  return (
    <div
      ref={box}
      role="dialog"
      tabIndex={-1}
      aria-label={trans.__('Last runs')}
      onKeyDown={event => event.key === 'Escape' && jobs.toggle()}
    >
      <h2>{trans.__('Last runs')}</h2>
      {jobs.failure !== null && <p role="alert">{jobs.failure}</p>}
      {runs.length === 0 && <p>{trans.__('No step has run yet.')}</p>}
      <ul>
        {runs.map(run => (
          <li key={run.run_id} className={`kgf-mod-${run.state}`}>
            <Run run={run} shared={jobs.shared} />
          </li>
        ))}
      </ul>
    </div>
  );
}

function Run({ run, shared }: { run: IRun; shared: IKGFeatures }): React.JSX.Element {
  const { trans, locale } = shared;
  const states: Record<IRun['state'], string> = {
    running: trans.__('running'),
    finished: trans.__('finished'),
    failed: trans.__('failed')
  };
  const part = share(run);
  const seconds = run.seconds?.toLocaleString(locale, { maximumFractionDigits: 1 });
  return (
    <>
      <span>
        <strong>{run.step}</strong> {states[run.state]}
        {run.state === 'running' && run.label && ` · ${run.label}`}
      </span>
      <span className="kgf-Runs-note">
        {moment(run.started_at, locale)}
        {seconds !== undefined && ` · ${trans.__('%1 s', seconds)}`}
        {run.rows !== null &&
          ` · ${trans._n('%2 row', '%2 rows', run.rows, count(run.rows, locale))}`}
      </span>
      {run.error && <span className="kgf-Runs-error">{run.error}</span>}
      {run.state === 'running' && run.note && (
        <span className="kgf-Runs-note">{run.note}</span>
      )}
      {run.state === 'running' && part !== null && (
        <progress value={part} max={1} aria-label={run.step} />
      )}
    </>
  );
}
