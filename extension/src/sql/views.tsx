/** The parts of the console that are neither editor nor grid: status, plan, history. */
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import type { ISignal } from '@lumino/signaling';
import * as React from 'react';

import type { IPlan } from '../api';
import { count, moment } from '../format';
import type { IKGFeatures } from '../tokens';
import type { IPast } from './history';
import type { Runner } from './runner';
import { brief, errorSpan, lineAndColumn } from './text';

/** What the views read of the console, and the signal that it has changed. */
export interface IConsoleState {
  readonly shared: IKGFeatures;
  readonly changed: ISignal<unknown, void>;
  readonly runner: Runner;
  readonly failure: string | null;
  readonly announcement: string;
  readonly plan: IPlan | null;
  readonly planBusy: boolean;
  /** Why there is no plan, in words. */
  readonly planFailure: string | null;
  readonly history: readonly IPast[];
  /** The text and where in the editor the last statement began. */
  readonly text: string;
  readonly start: number;
  showError(): void;
  force(): void;
  recall(sql: string): void;
}

type View = (props: { state: IConsoleState }) => React.JSX.Element;

export function view(state: IConsoleState, Part: View): ReactWidget {
  return ReactWidget.create(
    <UseSignal signal={state.changed}>{() => <Part state={state} />}</UseSignal>
  );
}

export function Status({ state }: { state: IConsoleState }): React.JSX.Element {
  const { runner, failure, announcement } = state;
  return (
    <>
      <div className="kgf-Sql-status" role="status">
        {phrase(state)}
      </div>
      {runner.phase === 'failed' && <Refusal state={state} />}
      {runner.phase === 'costly' && <Costly state={state} />}
      {failure !== null && (
        <div className="kgf-Message kgf-mod-error" role="alert">
          {failure}
        </div>
      )}
      {runner.query?.notices.map((notice, index) => (
        <div key={index} className="kgf-Message">
          {notice}
        </div>
      ))}
      <div className="kgf-Unseen" aria-live="polite">
        {announcement}
      </div>
    </>
  );
}

function phrase({ runner, shared }: IConsoleState): string {
  const { trans, locale } = shared;
  const { query } = runner;
  const seconds = (query?.seconds ?? 0).toLocaleString(locale, {
    maximumFractionDigits: 2
  });
  switch (runner.phase) {
    case 'idle':
      return trans.__('Ctrl+Enter runs the statement, or what is selected of it.');
    case 'running':
      return trans.__('Running… %1 s', seconds);
    case 'cancelled':
      return trans.__('Cancelled.');
    case 'done': {
      const rows = query?.rows ?? 0;
      const found = trans._n('%2 row', '%2 rows', rows, count(rows, locale));
      const line = trans.__('%1 in %2 s', found, seconds);
      return query?.capped
        ? `${line} ${trans.__('The result is longer: only its first rows were kept.')}`
        : line;
    }
    default:
      return '';
  }
}

function Refusal({ state }: { state: IConsoleState }): React.JSX.Element | null {
  const { runner, shared, start, text } = state;
  const { error, sql } = runner;
  if (!error) {
    return null;
  }
  const place =
    typeof error.position === 'number'
      ? lineAndColumn(text, start + errorSpan(sql, error.position)[0])
      : null;
  return (
    <div className="kgf-Message kgf-mod-error" role="alert">
      <span>{error.message}</span>
      {error.hint && <span className="kgf-Message-hint"> {error.hint}</span>}
      {place && (
        <button className="kgf-Button" onClick={() => state.showError()}>
          {shared.trans.__('Line %1, column %2', place[0], place[1])}
        </button>
      )}
    </div>
  );
}

function Costly({ state }: { state: IConsoleState }): React.JSX.Element {
  const { runner, shared } = state;
  return (
    <div className="kgf-Message kgf-mod-warning" role="alert">
      {runner.warnings.length === 0 && <span>{runner.error?.message}</span>}
      <ul>
        {runner.warnings.map((warning, index) => (
          <li key={index}>{warning}</li>
        ))}
      </ul>
      <button className="kgf-Button" onClick={() => state.force()}>
        {shared.trans.__('Run anyway')}
      </button>
    </div>
  );
}

export function Plan({ state }: { state: IConsoleState }): React.JSX.Element {
  const { plan, planBusy, planFailure, shared } = state;
  const { trans } = shared;
  if (planBusy) {
    return <p className="kgf-Hint">{trans.__('Loading…')}</p>;
  }
  if (planFailure !== null) {
    return (
      <div className="kgf-Message kgf-mod-error" role="alert">
        {planFailure}
      </div>
    );
  }
  if (!plan) {
    return (
      <p className="kgf-Hint">
        {trans.__('“Explain” shows here how the database would run the statement.')}
      </p>
    );
  }
  return (
    <>
      {plan.warnings.map((warning, index) => (
        <div key={index} className="kgf-Message kgf-mod-warning">
          {warning}
        </div>
      ))}
      <pre className="kgf-Plan" tabIndex={0} aria-label={trans.__('Query plan')}>
        {plan.plan}
      </pre>
    </>
  );
}

export function History({ state }: { state: IConsoleState }): React.JSX.Element {
  const { history, shared } = state;
  const { trans } = shared;
  if (history.length === 0) {
    return (
      <p className="kgf-Hint">{trans.__('Statements that were run appear here.')}</p>
    );
  }
  return (
    <ul className="kgf-History" aria-label={trans.__('History')}>
      {history.map(past => (
        <li key={past.sql}>
          <button
            title={trans.__('Put into the editor')}
            onClick={() => state.recall(past.sql)}
          >
            <code>{brief(past.sql)}</code>
            <span>{outcome(past, shared)}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}

function outcome(past: IPast, { trans, locale }: IKGFeatures): string {
  const when = moment(past.at, locale);
  if (past.state === 'failed') {
    return trans.__('%1: failed', when);
  }
  if (past.state === 'cancelled') {
    return trans.__('%1: cancelled', when);
  }
  const rows = past.rows ?? 0;
  return `${when}: ${trans._n('%2 row', '%2 rows', rows, count(rows, locale))}`;
}
