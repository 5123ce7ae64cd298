/** The catalogue's side panel, its commands and its context menu. */
import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { Clipboard, ICommandPalette } from '@jupyterlab/apputils';
import { IStateDB } from '@jupyterlab/statedb';

import type { Kind } from '../api';
import { CataloguePanel } from '../catalogue/panel';
import { Commands, IKGFeatures } from '../tokens';

const ROW = '.kgf-List-row[data-kgf-name]';
const STATE = 'kgfeatures:catalogue';

export const catalogue: JupyterFrontEndPlugin<void> = {
  id: 'kgfeatures:catalogue',
  description:
    'A side panel that searches feature views, vectors, relations and tables.',
  autoStart: true,
  requires: [IKGFeatures],
  optional: [ILayoutRestorer, ICommandPalette, IStateDB],
  activate: (
    app: JupyterFrontEnd,
    shared: IKGFeatures,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    state: IStateDB | null
  ): void => {
    const panel = new CataloguePanel(shared, entry => {
      const { kind, name } = entry;
      if (app.commands.hasCommand(Commands.openDetail)) {
        void app.commands.execute(Commands.openDetail, { kind, name });
      }
    });
    app.shell.add(panel, 'left', { rank: 350 });
    restorer?.add(panel, panel.id);
    addCommands(app, shared, panel);
    palette?.addItem({
      command: Commands.openCatalogue,
      category: shared.trans.__('Knowledge-graph features')
    });
    if (state) {
      void remember(panel, state);
    }
  }
};

function addCommands(
  app: JupyterFrontEnd,
  shared: IKGFeatures,
  panel: CataloguePanel
): void {
  const { commands, contextMenu } = app;
  const { trans, client } = shared;
  commands.addCommand(Commands.openCatalogue, {
    label: trans.__('Show the catalogue'),
    caption: trans.__('Feature views, vectors and relations in the side panel'),
    icon: panel.title.icon,
    execute: () => app.shell.activateById(panel.id)
  });
  commands.addCommand(Commands.refreshCatalogue, {
    label: trans.__('Refresh'),
    execute: () => panel.model.refresh()
  });
  commands.addCommand(Commands.openEntry, {
    label: trans.__('Open'),
    isEnabled: () => commands.hasCommand(Commands.openDetail),
    execute: () => {
      const entry = clicked(app);
      return entry && commands.execute(Commands.openDetail, { ...entry });
    }
  });
  commands.addCommand(Commands.insertEntry, {
    label: trans.__('Insert code'),
    execute: async () => {
      const entry = clicked(app);
      if (entry) {
        const { code } = await client.detail(entry.kind, entry.name);
        await shared.insertCode(code[shared.settings.codeStyle]);
      }
    }
  });
  commands.addCommand(Commands.queryEntry, {
    label: trans.__('Query in the SQL console'),
    isEnabled: () => commands.hasCommand(Commands.openSql),
    execute: async () => {
      const entry = clicked(app);
      if (entry) {
        const { code } = await client.detail(entry.kind, entry.name);
        await commands.execute(Commands.openSql, { sql: code.sql });
      }
    }
  });
  commands.addCommand(Commands.copyName, {
    label: trans.__('Copy the name'),
    execute: () => {
      const entry = clicked(app);
      if (entry) {
        Clipboard.copyToSystem(entry.name);
      }
    }
  });
  const inMenu = [
    Commands.openEntry,
    Commands.insertEntry,
    Commands.queryEntry,
    Commands.copyName,
    Commands.refreshCatalogue
  ];
  inMenu.forEach((command, rank) =>
    contextMenu.addItem({ command, selector: ROW, rank })
  );
}

/** The entry on whose row the context menu was opened. */
function clicked(app: JupyterFrontEnd): { kind: string; name: string } | null {
  const row = app.contextMenuHitTest(node => node.dataset['kgfName'] !== undefined);
  const { kgfKind: kind, kgfName: name } = row?.dataset ?? {};
  return kind !== undefined && name !== undefined ? { kind, name } : null;
}

/** Keep what was searched over a reload. */
async function remember(panel: CataloguePanel, state: IStateDB): Promise<void> {
  const saved = (await state.fetch(STATE)) as
    { query?: string; kind?: Kind } | undefined;
  if (saved) {
    panel.model.query = saved.query ?? '';
    panel.model.kind = saved.kind ?? '';
    if (panel.isVisible) {
      await panel.model.refresh();
    }
  }
  panel.model.searched = () => {
    const { query, kind } = panel.model;
    void state.save(STATE, { query, kind });
  };
}
