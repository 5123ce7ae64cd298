/**
 * The graph as a tree: an entity, its relations, the entities behind them, and so on. Every change
 * gives a new tree, so that whoever draws it sees what changed.
 */
import type { Direction, IEntity, INeighbor, INeighborhood, ITriple } from '../api';

export interface IGroup {
  relation: string;
  direction: Direction;
  count: number;
  open: boolean;
  /** null until they were asked for. */
  neighbors: readonly INode[] | null;
  busy: boolean;
  failure: string | null;
}

export interface INode {
  entity: IEntity;
  /** How its parent knows it; null for the root. */
  link: { since: string | null; source: string | null } | null;
  open: boolean;
  /** null until they were asked for. */
  groups: readonly IGroup[] | null;
  busy: boolean;
  failure: string | null;
}

/** Places of groups and neighbours in turn, from the root. */
export type Path = readonly number[];

export interface IRow {
  path: Path;
  level: number;
  /** Where among its siblings, from 1, and how many there are. */
  position: number;
  siblings: number;
  kind: 'entity' | 'relation' | 'more';
  open: boolean | null;
  node: INode | null;
  group: IGroup | null;
}

export const STEP = 50;

export function root(entity: IEntity): INode {
  return { entity, link: null, open: true, groups: null, busy: false, failure: null };
}

/** What is seen of a tree, line by line. */
export function rows(tree: INode): IRow[] {
  const found: IRow[] = [];
  addNode(found, tree, [], 1, 1, 1);
  return found;
}

function addNode(
  found: IRow[],
  node: INode,
  path: Path,
  level: number,
  position: number,
  siblings: number
): void {
  const { open } = node;
  found.push({
    path,
    level,
    position,
    siblings,
    kind: 'entity',
    open,
    node,
    group: null
  });
  if (open) {
    const groups = node.groups ?? [];
    groups.forEach((group, index) =>
      addGroup(found, group, [...path, index], level + 1, index + 1, groups.length)
    );
  }
}

function addGroup(
  found: IRow[],
  group: IGroup,
  path: Path,
  level: number,
  position: number,
  siblings: number
): void {
  const { open } = group;
  found.push({
    path,
    level,
    position,
    siblings,
    kind: 'relation',
    open,
    node: null,
    group
  });
  if (!open || group.neighbors === null) {
    return;
  }
  const known = group.neighbors.length;
  const total = known < group.count ? known + 1 : known;
  group.neighbors.forEach((node, index) =>
    addNode(found, node, [...path, index], level + 1, index + 1, total)
  );
  if (known < group.count) {
    found.push({
      path: [...path, known],
      level: level + 1,
      position: total,
      siblings: total,
      kind: 'more',
      open: null,
      node: null,
      group
    });
  }
}

export function nodeAt(tree: INode, path: Path): INode | undefined {
  const [group, neighbor, ...rest] = path;
  if (group === undefined) {
    return tree;
  }
  const next = tree.groups?.[group]?.neighbors?.[neighbor ?? -1];
  return next && nodeAt(next, rest);
}

export function groupAt(tree: INode, path: Path): IGroup | undefined {
  const index = path[path.length - 1];
  return index === undefined
    ? undefined
    : nodeAt(tree, path.slice(0, -1))?.groups?.[index];
}

/** The tree with one node changed; a path that leads nowhere changes nothing. */
export function withNode(tree: INode, path: Path, change: Partial<INode>): INode {
  const [group, neighbor, ...rest] = path;
  if (group === undefined || neighbor === undefined) {
    return { ...tree, ...change };
  }
  return withGroup(tree, [group], old => ({
    neighbors:
      old.neighbors?.map((node, index) =>
        index === neighbor ? withNode(node, rest, change) : node
      ) ?? null
  }));
}

export function withGroup(
  tree: INode,
  path: Path,
  change: (old: IGroup) => Partial<IGroup>
): INode {
  const index = path[path.length - 1] ?? -1;
  const owner = path.slice(0, -1);
  const groups = nodeAt(tree, owner)?.groups?.map((group, place) =>
    place === index ? { ...group, ...change(group) } : group
  );
  return groups === undefined ? tree : withNode(tree, owner, { groups });
}

/** The relations of an entity as the server tells them, closed. */
export function groupsOf({ relations }: INeighborhood): IGroup[] {
  return relations.map(relation => ({
    ...relation,
    open: false,
    neighbors: null,
    busy: false,
    failure: null
  }));
}

export function nodeOf({ type, key, label, since, source }: INeighbor): INode {
  return {
    ...root({ type, key, label, degree: null }),
    open: false,
    link: { since, source }
  };
}

/** The triple between an entity and its parent; null for the root. */
export function tripleOf(tree: INode, path: Path): ITriple | null {
  const child = nodeAt(tree, path)?.entity;
  const parent = nodeAt(tree, path.slice(0, -2))?.entity;
  const group = groupAt(tree, path.slice(0, -1));
  if (path.length < 2 || !child || !parent || !group) {
    return null;
  }
  const [head, tail] = group.direction === 'out' ? [parent, child] : [child, parent];
  return {
    head_type: head.type,
    head: head.key,
    relation: group.relation,
    tail_type: tail.type,
    tail: tail.key
  };
}

/** Every triple in a tree, as a table shows them. */
export interface ILine {
  path: Path;
  head: IEntity;
  relation: string;
  tail: IEntity;
  since: string | null;
  source: string | null;
}

export function lines(tree: INode, path: Path = []): ILine[] {
  return (tree.groups ?? []).flatMap((group, g) =>
    (group.neighbors ?? []).flatMap((node, n) => {
      const here = [...path, g, n];
      const [head, tail] =
        group.direction === 'out'
          ? [tree.entity, node.entity]
          : [node.entity, tree.entity];
      const { since = null, source = null } = node.link ?? {};
      const line = { path: here, head, relation: group.relation, tail, since, source };
      return [line, ...lines(node, here)];
    })
  );
}

export function samePath(one: Path, other: Path): boolean {
  return (
    one.length === other.length && one.every((step, index) => step === other[index])
  );
}

/** Python that shows an entity as a widget of the notebook; JSON's strings are Python's. */
export function asWidget({ type, key }: IEntity): string {
  const place = `${JSON.stringify(type)}, ${JSON.stringify(key)}`;
  return `from kgfeatures.widgets import GraphBrowser\n\nGraphBrowser(${place})`;
}
