/** Entries of the catalogue as tabs of the main area. */
import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';

import { DetailView } from '../detail/view';
import { detailIcon } from '../icons';
import { Commands, IKGFeatures } from '../tokens';

export const detail: JupyterFrontEndPlugin<void> = {
  id: 'kgfeatures:detail',
  description: 'Profile, sample, lineage and code of an entry of the catalogue.',
  autoStart: true,
  requires: [IKGFeatures],
  optional: [ILayoutRestorer],
  activate: (
    app: JupyterFrontEnd,
    shared: IKGFeatures,
    restorer: ILayoutRestorer | null
  ): void => {
    const tracker = new WidgetTracker<MainAreaWidget<DetailView>>({
      namespace: 'kgfeatures-detail'
    });
    const { commands } = app;
    commands.addCommand(Commands.openDetail, {
      label: shared.trans.__('Open an entry of the catalogue'),
      execute: args => {
        const kind = String(args['kind']);
        const name = String(args['name']);
        const id = `kgfeatures-detail-${kind}-${name}`;
        const open = tracker.find(tab => tab.id === id);
        if (open) {
          app.shell.activateById(id);
          return open;
        }
        const query = commands.hasCommand(Commands.openSql)
          ? (sql: string): void => void commands.execute(Commands.openSql, { sql })
          : null;
        const content = new DetailView({ shared, kind, name, query });
        const tab = new MainAreaWidget({ content });
        tab.id = id;
        tab.title.label = name;
        tab.title.icon = detailIcon;
        tab.title.closable = true;
        tab.toolbar.hide();
        void tracker.add(tab);
        app.shell.add(tab, 'main');
        return tab;
      }
    });
    void restorer?.restore(tracker, {
      command: Commands.openDetail,
      args: ({ content: { options } }) => ({ kind: options.kind, name: options.name }),
      name: tab => tab.id
    });
  }
};
