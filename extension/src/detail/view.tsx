/** One entry of the catalogue in full: profile, sample, lineage and the code that reads it. */
import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { ICode, IDetail, IProfiledColumn, ISample } from '../api';
import { Failure } from '../failure';
import { cell, count, moment, percent } from '../format';
import { Loading } from '../loading';
import { Table } from '../table';
import type { CodeStyle, IKGFeatures } from '../tokens';
import { described, kindName, roleName } from '../words';

const SAMPLE = 50;

export interface IDetailOptions {
  shared: IKGFeatures;
  kind: string;
  name: string;
  /** Opens a statement in the SQL console; null when that plugin is disabled. */
  query: ((sql: string) => void) | null;
}

export class DetailView extends ReactWidget {
  readonly detail: Loading<IDetail>;
  readonly sample: Loading<ISample>;

  constructor(readonly options: IDetailOptions) {
    super();
    const { shared, kind, name } = options;
    this.addClass('kgf-Detail');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', name);
    const { client } = shared;
    const changed = (): void => this.update();
    this.detail = new Loading(signal => client.detail(kind, name, signal), changed);
    this.sample = new Loading(
      signal => client.sample(kind, name, SAMPLE, signal),
      changed
    );
    this.load();
  }

  load(): void {
    void this.detail.load();
    void this.sample.load();
  }

  override dispose(): void {
    this.detail.dispose();
    this.sample.dispose();
    super.dispose();
  }

  protected render(): React.JSX.Element {
    const { shared, query } = this.options;
    const { value, error } = this.detail;
    if (error) {
      return <Failure error={error} retry={() => this.load()} shared={shared} />;
    }
    if (!value) {
      return <p className="kgf-Hint">{shared.trans.__('Loading…')}</p>;
    }
    return (
      <>
        <Head entry={value} shared={shared} query={query} refresh={() => this.load()} />
        {value.schema_columns.length > 0 && (
          <Columns columns={value.schema_columns} shared={shared} />
        )}
        {this.sample.value?.columns.length !== 0 && (
          <Sample sample={this.sample} shared={shared} />
        )}
        <Indexes entry={value} shared={shared} />
        <Lineage entry={value} shared={shared} />
        <Code code={value.code} shared={shared} />
      </>
    );
  }
}

interface IEntryProps {
  entry: IDetail;
  shared: IKGFeatures;
}

function Head({
  entry,
  shared,
  query,
  refresh
}: IEntryProps & {
  query: IDetailOptions['query'];
  refresh: () => void;
}): React.JSX.Element {
  const { trans, locale, settings } = shared;
  const table = entry.schema && entry.table ? `${entry.schema}.${entry.table}` : '';
  const facts: [string, string][] = [
    [trans.__('Kind'), kindName(trans, entry.kind)],
    [trans.__('Entities'), entry.entities.join(', ')],
    [trans.__('Rows'), count(entry.rows, locale)],
    [trans.__('Fresh at'), moment(entry.fresh_at, locale)],
    [trans.__('Table'), table],
    [trans.__('Feature services'), entry.services.join(', ')]
  ];
  const known = facts.filter(([, value]) => value !== '' && value !== '–');
  return (
    <div>
      <h1>{entry.name}</h1>
      {entry.title && entry.title !== entry.name && <p>{entry.title}</p>}
      <p>{described(entry, locale)}</p>
      <div className="kgf-Actions" role="group" aria-label={trans.__('Actions')}>
        <button
          className="kgf-Button kgf-mod-main"
          onClick={() => void shared.insertCode(entry.code[settings.codeStyle])}
        >
          {trans.__('Insert code')}
        </button>
        {query && (
          <button className="kgf-Button" onClick={() => query(entry.code.sql)}>
            {trans.__('Query in the SQL console')}
          </button>
        )}
        <button className="kgf-Button" onClick={refresh}>
          {trans.__('Refresh')}
        </button>
      </div>
      <dl className="kgf-Facts">
        {known.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

function Columns({
  columns,
  shared
}: {
  columns: IProfiledColumn[];
  shared: IKGFeatures;
}): React.JSX.Element {
  const { trans, locale } = shared;
  const title = trans.__('Columns and their profile');
  const rows = columns.map(column => [
    <strong key="name">{column.name}</strong>,
    column.type,
    roleName(trans, column.role),
    percent(column.null_rate, locale),
    count(column.distinct, locale),
    column.norm ? norms(column.norm, shared) : cell(column.minimum, locale),
    column.norm ? '' : cell(column.maximum, locale),
    (column.common ?? [])
      .slice(0, 3)
      .map(({ value, share }) => `${cell(value, locale)} (${percent(share, locale)})`)
      .join(', '),
    described(column, locale)
  ]);
  return (
    <section>
      <h2>{title}</h2>
      <Table
        caption={title}
        head={[
          trans.__('Column'),
          trans.__('Type'),
          trans.__('Role'),
          trans.__('Empty'),
          trans.__('Distinct'),
          trans.__('Minimum'),
          trans.__('Maximum'),
          trans.__('Most common'),
          trans.__('Description')
        ]}
        numeric={new Set([3, 4])}
        rows={rows}
      />
    </section>
  );
}

function norms(
  norm: NonNullable<IProfiledColumn['norm']>,
  shared: IKGFeatures
): string {
  const { trans, locale } = shared;
  const [low, mean, high] = [norm.minimum, norm.mean, norm.maximum].map(value =>
    value.toLocaleString(locale, { maximumFractionDigits: 3 })
  );
  return trans.__('length %1 – %3, mean %2', low, mean, high);
}

function Sample({
  sample,
  shared
}: {
  sample: Loading<ISample>;
  shared: IKGFeatures;
}): React.JSX.Element {
  const { trans, locale } = shared;
  const title = trans.__('Sample');
  const { value, error } = sample;
  const numeric = new Set(
    value?.rows[0]?.flatMap((item, index) => (typeof item === 'number' ? [index] : []))
  );
  return (
    <section>
      <h2>{title}</h2>
      {error ? (
        <Failure error={error} retry={() => sample.load()} shared={shared} />
      ) : value ? (
        <Table
          caption={title}
          head={value.columns.map(column => column.name)}
          rows={value.rows.map(row => row.map(item => cell(item, locale)))}
          numeric={numeric}
        />
      ) : (
        <p className="kgf-Hint">{trans.__('Loading…')}</p>
      )}
    </section>
  );
}

function Indexes({ entry, shared }: IEntryProps): React.JSX.Element | null {
  const { trans } = shared;
  const title = trans.__('Indexes');
  if (entry.indexes.length === 0) {
    return null;
  }
  return (
    <section>
      <h2>{title}</h2>
      <Table
        caption={title}
        head={[
          trans.__('Name'),
          trans.__('Method'),
          trans.__('Columns'),
          trans.__('State')
        ]}
        rows={entry.indexes.map(index => [
          index.name,
          index.method,
          index.columns.join(', '),
          index.valid ? trans.__('usable') : trans.__('not usable')
        ])}
      />
    </section>
  );
}

function Lineage({ entry, shared }: IEntryProps): React.JSX.Element {
  const { trans, locale } = shared;
  const title = trans.__('Lineage');
  return (
    <section>
      <h2>{title}</h2>
      {entry.lineage.length === 0 && (
        <p className="kgf-Hint">{trans.__('No run has written this.')}</p>
      )}
      <ol className="kgf-Lineage">
        {entry.lineage.map((step, index) => (
          <li key={index}>
            <p>
              <strong>{step.step}</strong>{' '}
              {trans.__('run %1, %2', step.run_id, moment(step.finished_at, locale))}
              {step.rows !== null && (
                <>
                  {' · '}
                  {trans._n('%2 row', '%2 rows', step.rows, count(step.rows, locale))}
                </>
              )}
            </p>
            <p>
              {trans.__('From:')} <Names names={step.inputs} />
            </p>
            <p>
              {trans.__('To:')} <Names names={step.outputs} />
            </p>
            {Object.keys(step.parameters).length > 0 && (
              <details>
                <summary>{trans.__('Parameters')}</summary>
                <pre>{JSON.stringify(step.parameters, null, 2)}</pre>
              </details>
            )}
          </li>
        ))}
      </ol>
    </section>
  );
}

function Names({ names }: { names: readonly string[] }): React.JSX.Element {
  return (
    <>
      {names.length === 0 && '–'}
      {names.map((name, index) => (
        <React.Fragment key={name}>
          {index > 0 && ', '}
          <code>{name}</code>
        </React.Fragment>
      ))}
    </>
  );
}

function Code({
  code,
  shared
}: {
  code: ICode;
  shared: IKGFeatures;
}): React.JSX.Element {
  const { trans } = shared;
  const styles: [CodeStyle, string][] = [
    ['python', 'Python'],
    ['sql', 'SQL'],
    ['magic', '%%kgsql']
  ];
  return (
    <section>
      <h2>{trans.__('Code')}</h2>
      {styles.map(([style, label]) => (
        <div key={style} className="kgf-Code">
          <pre tabIndex={0} aria-label={label}>
            {code[style]}
          </pre>
          <button
            className="kgf-Button"
            onClick={() => void shared.insertCode(code[style])}
          >
            {trans.__('Insert %1', label)}
          </button>
        </div>
      ))}
    </section>
  );
}
