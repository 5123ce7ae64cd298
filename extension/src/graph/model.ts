/** The graph browser's state: the search, the tree that is open, the row chosen and its evidence. */
import type { IEntity, IEvidence, INeighborhood, ITriple, Direction } from '../api';
import {
  STEP,
  groupAt,
  groupsOf,
  nodeAt,
  nodeOf,
  root,
  rows,
  samePath,
  tripleOf,
  withGroup,
  withNode,
  type IGroup,
  type INode,
  type IRow,
  type Path
} from './tree';

export interface IGraphHost {
  entities: (
    args: { q: string; type: string; limit: number },
    signal?: AbortSignal
  ) => Promise<{ entities: IEntity[] }>;
  neighbors: (args: {
    type: string;
    key: string;
    relation?: string;
    direction?: Direction | 'both';
    limit: number;
  }) => Promise<INeighborhood>;
  evidence: (
    triple: ITriple,
    signal?: AbortSignal
  ) => Promise<{ evidence: IEvidence[] }>;
  delay: () => number;
  sentence: (error: unknown) => string;
  changed: () => void;
}

export class GraphModel {
  query = '';
  type = '';
  found: readonly IEntity[] = [];
  marked = 0;
  /** What is wrong with the last search, in words. */
  searchFailure: string | null = null;
  tree: INode | null = null;
  chosen: Path = [];
  view: 'tree' | 'table' = 'tree';
  evidence: readonly IEvidence[] | null = null;
  evidenceFailure: string | null = null;
  /** The statement behind what was asked last. */
  sql = '';

  constructor(private readonly host: IGraphHost) {}

  get rows(): IRow[] {
    return this.tree ? rows(this.tree) : [];
  }

  get chosenRow(): number {
    return this.rows.findIndex(row => samePath(row.path, this.chosen));
  }

  /** The entity of the row chosen. */
  get chosenNode(): INode | null {
    const row = this.rows[this.chosenRow];
    return row?.kind === 'entity' ? row.node : null;
  }

  /** The relations of the root that are open, for a reload. */
  get openGroups(): string[] {
    const open = this.tree?.groups?.filter(group => group.open) ?? [];
    return open.map(({ relation, direction }) => `${direction} ${relation}`);
  }

  look(query: string, type: string): void {
    this.query = query;
    this.type = type;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.search(), this.host.delay());
    this.host.changed();
  }

  async search(): Promise<void> {
    clearTimeout(this.timer);
    this.request?.abort();
    const { signal } = (this.request = new AbortController());
    const args = { q: this.query.trim(), type: this.type, limit: STEP };
    try {
      const { entities } = await this.host.entities(args, signal);
      if (!signal.aborted) {
        this.found = entities;
        this.marked = 0;
        this.searchFailure = null;
      }
    } catch (error) {
      if (!signal.aborted) {
        this.searchFailure = this.host.sentence(error);
      }
    }
    this.host.changed();
  }

  mark(index: number): void {
    this.marked = Math.max(0, Math.min(index, this.found.length - 1));
    this.host.changed();
  }

  /** Make an entity the root; `open` names the relations to open again. */
  async show(entity: IEntity, open: readonly string[] = []): Promise<void> {
    this.tree = root(entity);
    this.choose([]);
    await this.load([]);
    const groups: readonly { relation: string; direction: string }[] =
      this.tree.groups ?? [];
    const places = groups.flatMap(({ relation, direction }, index) =>
      open.includes(`${direction} ${relation}`) ? [index] : []
    );
    await Promise.all(places.map(index => this.toggle([index])));
  }

  /** Choose a row; of a triple the evidence is shown. */
  choose(path: Path): void {
    this.chosen = path;
    this.evidence = null;
    this.evidenceFailure = null;
    this.host.changed();
    void this.explain();
  }

  /** Open or close what stands at a path, and ask for it the first time. */
  async toggle(path: Path): Promise<void> {
    const { tree } = this;
    if (!tree) {
      return;
    }
    if (path.length % 2 === 0) {
      const node = nodeAt(tree, path);
      this.replace(withNode(tree, path, { open: !node?.open }));
      if (node && !node.open && node.groups === null) {
        await this.load(path);
      }
    } else {
      const group = groupAt(tree, path);
      this.replace(withGroup(tree, path, old => ({ open: !old.open })));
      if (group && !group.open && group.neighbors === null) {
        await this.fill(path, STEP);
      }
    }
  }

  /** Ask for more neighbours of the relation at a path. */
  async more(path: Path): Promise<void> {
    const known = this.tree && groupAt(this.tree, path)?.neighbors?.length;
    await this.fill(path, (known ?? 0) + STEP);
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.request?.abort();
    this.question?.abort();
  }

  private async load(path: Path): Promise<void> {
    const entity = this.tree && nodeAt(this.tree, path)?.entity;
    if (!entity) {
      return;
    }
    const { type, key } = entity;
    this.change(path, { busy: true, failure: null });
    try {
      const around = await this.host.neighbors({
        type,
        key,
        direction: 'both',
        limit: 1
      });
      this.sql = around.sql;
      const groups = groupsOf(around);
      this.change(path, { entity: around.entity, groups, busy: false });
    } catch (error) {
      this.change(path, { busy: false, failure: this.host.sentence(error) });
    }
  }

  private async fill(path: Path, limit: number): Promise<void> {
    const { tree } = this;
    const group = tree && groupAt(tree, path);
    const entity = tree && nodeAt(tree, path.slice(0, -1))?.entity;
    if (!group || !entity) {
      return;
    }
    const { relation, direction } = group;
    const { type, key } = entity;
    this.changeGroup(path, { busy: true, failure: null });
    try {
      const around = await this.host.neighbors({
        type,
        key,
        relation,
        direction,
        limit
      });
      this.sql = around.sql;
      // What was opened before stays open: the order of the server is stable.
      const old = group.neighbors ?? [];
      const neighbors = around.neighbors.map(
        neighbor =>
          old.find(
            ({ entity: known }) =>
              known.type === neighbor.type && known.key === neighbor.key
          ) ?? nodeOf(neighbor)
      );
      const count = neighbors.length < limit ? neighbors.length : group.count;
      this.changeGroup(path, { neighbors, count, busy: false });
    } catch (error) {
      this.changeGroup(path, { busy: false, failure: this.host.sentence(error) });
    }
  }

  private async explain(): Promise<void> {
    this.question?.abort();
    const triple = this.tree && this.chosenNode && tripleOf(this.tree, this.chosen);
    if (!triple) {
      return;
    }
    const { signal } = (this.question = new AbortController());
    try {
      const { evidence } = await this.host.evidence(triple, signal);
      if (!signal.aborted) {
        this.evidence = evidence;
      }
    } catch (error) {
      if (!signal.aborted) {
        this.evidenceFailure = this.host.sentence(error);
      }
    }
    this.host.changed();
  }

  private change(path: Path, change: Partial<INode>): void {
    if (this.tree) {
      this.replace(withNode(this.tree, path, change));
    }
  }

  private changeGroup(path: Path, change: Partial<IGroup>): void {
    if (this.tree) {
      this.replace(withGroup(this.tree, path, () => change));
    }
  }

  private replace(tree: INode): void {
    this.tree = tree;
    this.host.changed();
  }

  private timer: ReturnType<typeof setTimeout> | undefined;
  private request: AbortController | null = null;
  private question: AbortController | null = null;
}
