/**
 * The tree with its keys: up and down move, right opens, left closes or goes to the parent, Enter
 * opens and closes.
 */
import * as React from 'react';

import { count, moment } from '../format';
import type { IKGFeatures } from '../tokens';
import type { GraphModel } from './model';
import type { IGroup, INode, IRow } from './tree';

export interface IGraphProps {
  model: GraphModel;
  shared: IKGFeatures;
}

const ID = 'kgf-tree-row';

export function TreeView({
  model,
  shared,
  id
}: IGraphProps & { id: string }): React.JSX.Element {
  const { rows, chosenRow } = model;
  const box = React.useRef<HTMLDivElement>(null);
  React.useEffect(() => {
    box.current
      ?.querySelector('[aria-selected="true"]')
      ?.scrollIntoView({ block: 'nearest' });
  }, [chosenRow]);
  return (
    <div
      ref={box}
      className="kgf-Tree"
      role="tree"
      tabIndex={0}
      aria-label={shared.trans.__('Relations of the entity')}
      aria-activedescendant={chosenRow < 0 ? undefined : `${id}-${ID}-${chosenRow}`}
      onKeyDown={event => onKey(event, model)}
    >
      {rows.map((row, index) => (
        <div
          key={`${row.kind} ${row.path.join('.')}`}
          id={`${id}-${ID}-${index}`}
          className={`kgf-Tree-row kgf-mod-${row.kind}`}
          role="treeitem"
          aria-level={row.level}
          aria-posinset={row.position}
          aria-setsize={row.siblings}
          aria-selected={index === chosenRow}
          {...(row.open === null ? {} : { 'aria-expanded': row.open })}
          style={{ paddingLeft: 8 + 18 * (row.level - 1) }}
          onClick={() => onClick(model, row)}
        >
          <Line row={row} shared={shared} />
        </div>
      ))}
    </div>
  );
}

function Line({ row, shared }: { row: IRow; shared: IKGFeatures }): React.JSX.Element {
  const { node, group } = row;
  if (row.kind === 'more') {
    return <span className="kgf-Tree-more">{shared.trans.__('Show more')}</span>;
  }
  return (
    <>
      <span className="kgf-Tree-mark" aria-hidden="true">
        {row.open ? '▾' : '▸'}
      </span>
      {node && <EntityLine node={node} shared={shared} />}
      {group && <GroupLine group={group} shared={shared} />}
    </>
  );
}

function EntityLine({
  node,
  shared
}: {
  node: INode;
  shared: IKGFeatures;
}): React.JSX.Element {
  const { trans, locale } = shared;
  const { type, key, label } = node.entity;
  return (
    <>
      <span className="kgf-Tree-type">{type}</span>
      <span className="kgf-Tree-label" title={label ?? key}>
        {label ?? key}
      </span>
      {label !== null && label !== key && <code>{key}</code>}
      {node.link && (
        <span className="kgf-Tree-note">
          {[
            node.link.since && trans.__('since %1', moment(node.link.since, locale)),
            node.link.source
          ]
            .filter(Boolean)
            .join(' · ')}
        </span>
      )}
      <Waiting part={node} shared={shared} />
    </>
  );
}

function GroupLine({
  group,
  shared
}: {
  group: IGroup;
  shared: IKGFeatures;
}): React.JSX.Element {
  const { trans, locale } = shared;
  const outward = group.direction === 'out';
  return (
    <>
      <span
        className="kgf-Tree-relation"
        aria-label={
          outward
            ? trans.__('%1, from here', group.relation)
            : trans.__('%1, to here', group.relation)
        }
      >
        {outward ? '→' : '←'} {group.relation}
      </span>
      <span className="kgf-Tree-note">{count(group.count, locale)}</span>
      <Waiting part={group} shared={shared} />
    </>
  );
}

function Waiting({
  part,
  shared
}: {
  part: INode | IGroup;
  shared: IKGFeatures;
}): React.JSX.Element | null {
  if (part.failure !== null) {
    return <span className="kgf-Tree-failure">{part.failure}</span>;
  }
  return part.busy ? (
    <span className="kgf-Tree-note">{shared.trans.__('Loading…')}</span>
  ) : null;
}

function onClick(model: GraphModel, row: IRow): void {
  model.choose(row.path);
  act(model, row);
}

function act(model: GraphModel, row: IRow): void {
  if (row.kind === 'more') {
    void model.more(row.path.slice(0, -1));
  } else {
    void model.toggle(row.path);
  }
}

function onKey(event: React.KeyboardEvent, model: GraphModel): void {
  const { rows, chosenRow } = model;
  const row = rows[chosenRow];
  if (!row) {
    return;
  }
  const moves: Record<string, number> = {
    ArrowDown: chosenRow + 1,
    ArrowUp: chosenRow - 1,
    Home: 0,
    End: rows.length - 1
  };
  const target = moves[event.key];
  if (target !== undefined) {
    const next = rows[target];
    if (next) {
      model.choose(next.path);
    }
  } else if (event.key === 'ArrowRight') {
    goInside(model, row, rows[chosenRow + 1]);
  } else if (event.key === 'ArrowLeft') {
    goOutside(model, row);
  } else if (event.key === 'Enter' || event.key === ' ') {
    act(model, row);
  } else {
    return;
  }
  event.preventDefault();
  event.stopPropagation();
}

function goInside(model: GraphModel, row: IRow, next: IRow | undefined): void {
  if (row.open === false) {
    void model.toggle(row.path);
  } else if (next && next.level > row.level) {
    model.choose(next.path);
  }
}

function goOutside(model: GraphModel, row: IRow): void {
  if (row.open === true) {
    void model.toggle(row.path);
  } else if (row.path.length > 0) {
    model.choose(row.path.slice(0, -1));
  }
}
