/** The catalogue in the side panel: search, filter by kind, the entries found. */
import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';

import { isAborted, type IEntry, type Kind } from '../api';
import { Failure } from '../failure';
import { count } from '../format';
import { graphIcon } from '../icons';
import { VirtualList } from '../list';
import type { IKGFeatures } from '../tokens';
import { KINDS, described, kindName } from '../words';
import { CatalogueModel } from './model';

const ROW_HEIGHT = 46;

export class CataloguePanel extends ReactWidget {
  readonly model: CatalogueModel;

  constructor(
    private readonly shared: IKGFeatures,
    private readonly openEntry: (entry: IEntry) => void
  ) {
    super();
    const { trans } = shared;
    this.id = 'kgfeatures-catalogue';
    this.title.icon = graphIcon;
    this.title.caption = trans.__('Knowledge-graph features');
    this.addClass('kgf-Catalogue');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('Catalogue of features'));
    this.model = new CatalogueModel({
      search: (args, signal) => shared.client.catalogue(args, signal),
      delay: () => shared.settings.searchDelay,
      changed: () => this.update(),
      isAborted
    });
  }

  override dispose(): void {
    this.model.dispose();
    super.dispose();
  }

  protected override onAfterShow(): void {
    if (!this.model.ready && !this.model.busy) {
      void this.model.refresh();
    }
  }

  protected override onActivateRequest(): void {
    const focus = (): void => this.node.querySelector('input')?.focus();
    focus();
    // The command palette, closing, gives the focus back to the main area.
    requestAnimationFrame(focus);
  }

  protected render(): React.JSX.Element {
    return (
      <Catalogue model={this.model} shared={this.shared} openEntry={this.openEntry} />
    );
  }
}

interface IProps {
  model: CatalogueModel;
  shared: IKGFeatures;
  openEntry: (entry: IEntry) => void;
}

function Catalogue({ model, shared, openEntry }: IProps): React.JSX.Element {
  const { trans } = shared;
  const open = (index: number): void => {
    const entry = model.entry(index);
    if (entry) {
      openEntry(entry);
    }
  };
  return (
    <>
      <div className="kgf-Catalogue-head">
        <h2>{trans.__('Knowledge-graph features')}</h2>
        <Search model={model} shared={shared} open={open} />
        <KindFilter model={model} shared={shared} />
      </div>
      {model.error ? (
        <Failure error={model.error} retry={() => model.refresh()} shared={shared} />
      ) : (
        <p className="kgf-Catalogue-count" role="status">
          {summary(model, shared)}
        </p>
      )}
      <VirtualList
        id="kgf-entries"
        label={trans.__('Entries found')}
        total={model.total}
        marked={model.marked}
        rowHeight={ROW_HEIGHT}
        mark={index => model.mark(index)}
        open={open}
        attributes={index => address(model.entry(index))}
        render={index => <Row entry={model.entry(index)} shared={shared} />}
      />
    </>
  );
}

function Search({
  model,
  shared,
  open
}: Pick<IProps, 'model' | 'shared'> & {
  open: (index: number) => void;
}): React.JSX.Element {
  const { trans } = shared;
  const onKeyDown = (event: React.KeyboardEvent<HTMLInputElement>): void => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      model.mark(model.marked + step);
      event.preventDefault();
    } else if (event.key === 'Enter' && !event.nativeEvent.isComposing) {
      open(model.marked);
    } else if (event.key === 'Escape' && model.query) {
      model.type('');
      event.stopPropagation();
    }
  };
  return (
    <input
      type="search"
      className="jp-mod-styled kgf-Search"
      value={model.query}
      placeholder={trans.__('Search the catalogue')}
      aria-label={trans.__('Search the catalogue')}
      aria-controls="kgf-entries"
      onChange={event => model.type(event.currentTarget.value)}
      onKeyDown={onKeyDown}
    />
  );
}

function KindFilter({
  model,
  shared
}: Pick<IProps, 'model' | 'shared'>): React.JSX.Element {
  const { trans } = shared;
  return (
    <select
      className="jp-mod-styled kgf-Kinds"
      value={model.kind}
      aria-label={trans.__('Kind of entry')}
      onChange={event => void model.choose(event.currentTarget.value as Kind | '')}
    >
      <option value="">{trans.__('All kinds')}</option>
      {KINDS.map(kind => (
        <option key={kind} value={kind}>
          {kindName(trans, kind)} ({count(model.kinds[kind] ?? 0, shared.locale)})
        </option>
      ))}
    </select>
  );
}

function Row({
  entry,
  shared
}: {
  entry: IEntry | undefined;
  shared: IKGFeatures;
}): React.JSX.Element {
  const { trans } = shared;
  if (!entry) {
    return <span className="kgf-Row-waiting">…</span>;
  }
  return (
    <>
      <span className="kgf-Row-line">
        <span className="kgf-Row-title" title={entry.name}>
          {entry.name}
          {entry.title && entry.title !== entry.name && (
            <span className="kgf-Row-second"> {entry.title}</span>
          )}
        </span>
        <span className="kgf-Row-kind">{kindName(trans, entry.kind)}</span>
      </span>
      <span className="kgf-Row-line kgf-Row-below">
        <span className="kgf-Row-text" title={described(entry, shared.locale)}>
          {described(entry, shared.locale) || entry.name}
        </span>
        {entry.rows !== null && (
          <span className="kgf-Row-rows">
            {trans._n(
              '%2 row',
              '%2 rows',
              entry.rows,
              count(entry.rows, shared.locale)
            )}
          </span>
        )}
      </span>
    </>
  );
}

function summary(model: CatalogueModel, shared: IKGFeatures): string {
  const { trans } = shared;
  if (!model.ready) {
    return trans.__('Loading…');
  }
  if (model.total === 0) {
    return trans.__('Nothing found.');
  }
  const total = count(model.total, shared.locale);
  return trans._n('%2 entry', '%2 entries', model.total, total);
}

/** What the context menu's commands read from the row. */
function address(entry: IEntry | undefined): Record<string, string> {
  return entry ? { 'data-kgf-kind': entry.kind, 'data-kgf-name': entry.name } : {};
}
