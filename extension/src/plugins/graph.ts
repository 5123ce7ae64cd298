/** The graph browser's command, its tabs and their restoration. */
import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette, MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import { UUID } from '@lumino/coreutils';
import { Debouncer } from '@lumino/polling';

import { GraphBrowser } from '../graph/view';
import { browseIcon } from '../icons';
import { Commands, IKGFeatures } from '../tokens';

type Tab = MainAreaWidget<GraphBrowser>;

export const graph: JupyterFrontEndPlugin<void> = {
  id: 'kgfeatures:graph',
  description: 'Walks the knowledge graph from an entity along its relations.',
  autoStart: true,
  requires: [IKGFeatures],
  optional: [ILayoutRestorer, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    shared: IKGFeatures,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null
  ): void => {
    const { commands } = app;
    const tracker = new WidgetTracker<Tab>({ namespace: 'kgfeatures-graph' });
    commands.addCommand(Commands.openGraph, {
      label: args =>
        args['isPalette']
          ? shared.trans.__('New graph browser')
          : shared.trans.__('Graph browser'),
      caption: shared.trans.__('Walk from an entity along its relations'),
      icon: browseIcon,
      execute: args => {
        const query = commands.hasCommand(Commands.openSql)
          ? (sql: string): void => void commands.execute(Commands.openSql, { sql })
          : null;
        const content = new GraphBrowser({ shared, query });
        const tab = new MainAreaWidget({ content });
        tab.id = String(args['id'] ?? `kgfeatures-graph-${UUID.uuid4()}`);
        content.id = `${tab.id}-content`;
        tab.title.label = shared.trans.__('Graph browser');
        tab.title.icon = browseIcon;
        tab.title.closable = true;
        tab.toolbar.hide();
        begin(content, args);
        const save = new Debouncer(() => tracker.save(tab), 500);
        content.changed.connect(() => void save.invoke());
        void tracker.add(tab);
        app.shell.add(tab, 'main');
        return tab;
      }
    });
    palette?.addItem({
      command: Commands.openGraph,
      category: shared.trans.__('Knowledge-graph features'),
      args: { isPalette: true }
    });
    void restorer?.restore(tracker, {
      command: Commands.openGraph,
      args: tab => ({ id: tab.id, ...place(tab.content) }),
      name: tab => tab.id
    });
  }
};

type Args = Record<string, unknown>;

/** Show the entity that the arguments name, if they name one. */
function begin({ model }: GraphBrowser, args: Args): void {
  const { type, key, label, open, query } = args;
  if (typeof query === 'string') {
    model.query = query;
    void model.search();
  }
  if (typeof type === 'string' && typeof key === 'string') {
    const entity = {
      type,
      key,
      degree: null,
      label: typeof label === 'string' ? label : null
    };
    void model.show(entity, Array.isArray(open) ? open.map(String) : []);
  }
}

/** What brings a browser back to where it is. */
function place({ model }: GraphBrowser): Record<string, string | string[]> {
  const { tree, openGroups: open, query } = model;
  if (!tree) {
    return { query };
  }
  const { type, key, label } = tree.entity;
  return { query, type, key, open, ...(label === null ? {} : { label }) };
}
