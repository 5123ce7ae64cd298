/** The graph browser: search an entity, walk its relations, read where a triple comes from. */
import { ReactWidget } from '@jupyterlab/ui-components';
import { Signal } from '@lumino/signaling';
import * as React from 'react';

import { sentence, type IEntity } from '../api';
import { count, moment, percent } from '../format';
import { VirtualList } from '../list';
import { asCode } from '../sql/text';
import { Table } from '../table';
import type { IKGFeatures } from '../tokens';
import { GraphModel } from './model';
import { asWidget, lines } from './tree';
import { TreeView, type IGraphProps } from './treeview';

export interface IGraphOptions {
  shared: IKGFeatures;
  /** Opens a statement in the SQL console; null when that plugin is disabled. */
  query: ((sql: string) => void) | null;
}

const ROW_HEIGHT = 40;

export class GraphBrowser extends ReactWidget {
  readonly model: GraphModel;
  readonly changed = new Signal<GraphBrowser, void>(this);
  types: readonly string[] = [];

  constructor(private readonly options: IGraphOptions) {
    super();
    const { shared } = options;
    const { client } = shared;
    this.addClass('kgf-Graph');
    this.model = new GraphModel({
      entities: (args, signal) => client.entities(args, signal),
      neighbors: args => client.neighbors(args),
      evidence: (triple, signal) => client.evidence(triple, signal),
      delay: () => shared.settings.searchDelay,
      sentence,
      changed: () => {
        this.changed.emit();
        this.update();
      }
    });
    void this.model.search();
    void this.readTypes();
  }

  override dispose(): void {
    this.model.dispose();
    super.dispose();
  }

  protected override onActivateRequest(): void {
    this.node.querySelector<HTMLElement>('.kgf-Tree, input')?.focus();
  }

  protected render(): React.JSX.Element {
    const { shared, query } = this.options;
    const { model, types, id } = this;
    return (
      <>
        <Search model={model} shared={shared} types={types} id={id} />
        <div className="kgf-Graph-main">
          {model.tree ? (
            <>
              <Bar model={model} shared={shared} query={query} />
              {model.view === 'tree' ? (
                <TreeView model={model} shared={shared} id={id} />
              ) : (
                <Triples model={model} shared={shared} />
              )}
              <Evidence model={model} shared={shared} />
            </>
          ) : (
            <p className="kgf-Hint">
              {shared.trans.__('Search an entity and open it to see its relations.')}
            </p>
          )}
        </div>
      </>
    );
  }

  private async readTypes(): Promise<void> {
    const args = { q: '', kind: 'entity_type', offset: 0, limit: 100 };
    try {
      const { entries } = await this.options.shared.client.catalogue(args);
      this.types = entries.map(entry => entry.name);
      this.update();
    } catch {
      // The search says what is wrong; without the types it looks through all of them.
    }
  }
}

function Search({
  model,
  shared,
  types,
  id
}: IGraphProps & { types: readonly string[]; id: string }): React.JSX.Element {
  const { trans } = shared;
  const list = `${id}-entities`;
  const open = (index: number): void => {
    const entity = model.found[index];
    if (entity) {
      void model.show(entity);
    }
  };
  const onKeyDown = (event: React.KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      model.mark(model.marked + step);
      event.preventDefault();
    } else if (event.key === 'Enter' && !event.nativeEvent.isComposing) {
      open(model.marked);
    }
  };
  return (
    <aside className="kgf-Graph-search" aria-label={trans.__('Search entities')}>
      <input
        type="search"
        className="jp-mod-styled"
        value={model.query}
        placeholder={trans.__('Search names and keys')}
        aria-label={trans.__('Search entities')}
        aria-controls={list}
        onChange={event => model.look(event.currentTarget.value, model.type)}
        onKeyDown={onKeyDown}
      />
      <select
        className="jp-mod-styled"
        value={model.type}
        aria-label={trans.__('Entity type')}
        onChange={event => model.look(model.query, event.currentTarget.value)}
      >
        <option value="">{trans.__('All types')}</option>
        {types.map(type => (
          <option key={type}>{type}</option>
        ))}
      </select>
      {model.searchFailure !== null && (
        <p className="kgf-Failure" role="alert">
          {model.searchFailure}
        </p>
      )}
      <VirtualList
        id={list}
        label={trans.__('Entities found')}
        total={model.found.length}
        marked={model.marked}
        rowHeight={ROW_HEIGHT}
        mark={index => model.mark(index)}
        open={open}
        attributes={() => ({})}
        render={index => {
          const entity = model.found[index];
          return entity && <Found entity={entity} shared={shared} />;
        }}
      />
    </aside>
  );
}

function Found({
  entity,
  shared
}: {
  entity: IEntity;
  shared: IKGFeatures;
}): React.JSX.Element {
  const { trans, locale } = shared;
  const { type, key, degree } = entity;
  const label = entity.label ?? key;
  return (
    <>
      <span className="kgf-Row-line">
        <span className="kgf-Row-title" title={label}>
          {label}
        </span>
        <span className="kgf-Row-kind">{type}</span>
      </span>
      <span className="kgf-Row-line kgf-Row-below">
        <span className="kgf-Row-text">{label === key ? '' : key}</span>
        {degree !== null && (
          <span className="kgf-Row-rows">
            {trans._n('%2 triple', '%2 triples', degree, count(degree, locale))}
          </span>
        )}
      </span>
    </>
  );
}

function Bar({
  model,
  shared,
  query
}: IGraphProps & { query: IGraphOptions['query'] }): React.JSX.Element {
  const { trans, settings } = shared;
  const { chosenNode, chosen, sql, view } = model;
  const entity = (chosenNode ?? model.tree)?.entity;
  return (
    <div className="kgf-Actions" role="toolbar" aria-label={trans.__('Actions')}>
      <button
        className="kgf-Button"
        aria-pressed={view === 'table'}
        onClick={() => {
          model.view = view === 'tree' ? 'table' : 'tree';
          model.choose(chosen);
        }}
      >
        {trans.__('As a table')}
      </button>
      <button
        className="kgf-Button"
        disabled={!chosenNode || chosen.length === 0}
        onClick={() => chosenNode && void model.show(chosenNode.entity)}
      >
        {trans.__('Start from here')}
      </button>
      <button
        className="kgf-Button"
        disabled={!sql}
        onClick={() => void shared.insertCode(asCode(sql, settings.codeStyle))}
      >
        {trans.__('Insert code')}
      </button>
      <button
        className="kgf-Button"
        title={trans.__('Insert code that shows the entity in the notebook')}
        onClick={() => entity && void shared.insertCode(asWidget(entity))}
      >
        {trans.__('Open as a widget')}
      </button>
      {query && (
        <button className="kgf-Button" disabled={!sql} onClick={() => query(sql)}>
          {trans.__('Query in the SQL console')}
        </button>
      )}
    </div>
  );
}

function Triples({ model, shared }: IGraphProps): React.JSX.Element {
  const { trans, locale } = shared;
  const found = model.tree ? lines(model.tree) : [];
  return (
    <div className="kgf-Graph-table">
      {found.length === 0 && (
        <p className="kgf-Hint">{trans.__('Open a relation to see its triples.')}</p>
      )}
      <Table
        caption={trans.__('Triples that are open in the tree')}
        head={[
          trans.__('Head'),
          trans.__('Relation'),
          trans.__('Tail'),
          trans.__('Since'),
          trans.__('Evidence')
        ]}
        rows={found.map(({ head, relation, tail, since, source, path }) => [
          `${head.type} ${head.label ?? head.key}`,
          relation,
          `${tail.type} ${tail.label ?? tail.key}`,
          moment(since, locale),
          <button
            key="evidence"
            className="kgf-Link"
            onClick={() => model.choose(path)}
          >
            {source ?? trans.__('Show')}
          </button>
        ])}
      />
    </div>
  );
}

function Evidence({ model, shared }: IGraphProps): React.JSX.Element | null {
  const { trans, locale } = shared;
  const { evidence, evidenceFailure, chosenNode } = model;
  const title = trans.__('Where this triple comes from');
  if (evidenceFailure !== null) {
    return (
      <p className="kgf-Failure" role="alert">
        {evidenceFailure}
      </p>
    );
  }
  if (evidence === null) {
    return null;
  }
  if (evidence.length === 0) {
    const source = chosenNode?.link?.source;
    return (
      <section className="kgf-Evidence" aria-live="polite">
        <h2>{title}</h2>
        <p>
          {source
            ? trans.__('It is read from the rows of %1 themselves.', source)
            : trans.__('No source is recorded for it.')}
        </p>
      </section>
    );
  }
  return (
    <section className="kgf-Evidence" aria-live="polite">
      <h2>{title}</h2>
      <Table
        caption={title}
        head={[
          trans.__('Source'),
          trans.__('Method'),
          trans.__('Confidence'),
          trans.__('Observed at'),
          trans.__('Text')
        ]}
        rows={evidence.map(item => [
          item.source,
          item.method ?? '–',
          percent(item.confidence, locale),
          moment(item.observed_at, locale),
          item.text ?? ''
        ])}
      />
    </section>
  );
}
