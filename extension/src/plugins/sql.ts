/** The SQL console's commands, its tabs and their restoration. */
import {
  ILayoutRestorer,
  type JupyterFrontEnd,
  type JupyterFrontEndPlugin
} from '@jupyterlab/application';
import {
  ICommandPalette,
  IThemeManager,
  type MainAreaWidget,
  WidgetTracker
} from '@jupyterlab/apputils';
import { IEditorServices } from '@jupyterlab/codeeditor';
import { IStateDB } from '@jupyterlab/statedb';
import { UUID } from '@lumino/coreutils';
import { Debouncer } from '@lumino/polling';

import type { ICompletions } from '../api';
import { SqlConsole, asTab } from '../sql/console';
import { readHistory, remember, type IPast } from '../sql/history';
import { consoleIcon } from '../icons';
import { Commands, IKGFeatures } from '../tokens';

const HISTORY = 'kgfeatures:history';
const FRESH = 5 * 60 * 1000;

type Tab = MainAreaWidget<SqlConsole>;

export const sql: JupyterFrontEndPlugin<void> = {
  id: 'kgfeatures:sql',
  description: 'A SQL console with completion, paged results and query plans.',
  autoStart: true,
  requires: [IKGFeatures, IEditorServices],
  optional: [ILayoutRestorer, ICommandPalette, IStateDB, IThemeManager],
  activate: (
    app: JupyterFrontEnd,
    shared: IKGFeatures,
    services: IEditorServices,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    state: IStateDB | null,
    themes: IThemeManager | null
  ): void => {
    const tracker = new WidgetTracker<Tab>({ namespace: 'kgfeatures-sql' });
    const history = new SharedHistory(state, tracker);
    const known = knownNames(shared);
    app.commands.addCommand(Commands.openSql, {
      label: args =>
        args['isPalette']
          ? shared.trans.__('New SQL console')
          : shared.trans.__('SQL console'),
      caption: shared.trans.__('Ask the database of features'),
      icon: consoleIcon,
      execute: args => {
        const content = new SqlConsole({
          shared,
          services,
          known,
          history: () => history.past,
          record: past => history.add(past),
          sql: String(args['sql'] ?? '')
        });
        const tab = asTab(content);
        tab.id = String(args['id'] ?? `kgfeatures-sql-${UUID.uuid4()}`);
        const save = new Debouncer(() => tracker.save(tab), 500);
        content.edited.connect(() => void save.invoke());
        void tracker.add(tab);
        app.shell.add(tab, 'main');
        return tab;
      }
    });
    addActions(app, shared, tracker);
    themes?.themeChanged.connect(() => tracker.forEach(tab => tab.content.repaint()));
    palette?.addItem({
      command: Commands.openSql,
      category: shared.trans.__('Knowledge-graph features'),
      args: { isPalette: true }
    });
    void restorer?.restore(tracker, {
      command: Commands.openSql,
      args: tab => ({ id: tab.id, sql: tab.content.text }),
      name: tab => tab.id
    });
  }
};

function addActions(
  app: JupyterFrontEnd,
  { trans }: IKGFeatures,
  tracker: WidgetTracker<Tab>
): void {
  const action = (
    command: string,
    label: string,
    run: (content: SqlConsole) => unknown
  ): void => {
    app.commands.addCommand(command, {
      label,
      isEnabled: () => tracker.currentWidget !== null,
      execute: () => tracker.currentWidget && run(tracker.currentWidget.content)
    });
  };
  action(Commands.runQuery, trans.__('Run the SQL statement'), content =>
    content.run()
  );
  action(Commands.cancelQuery, trans.__('Cancel the query'), content =>
    content.cancel()
  );
  action(Commands.explainQuery, trans.__('Explain the SQL statement'), content =>
    content.explain()
  );
  const selector = '.kgf-Sql';
  app.commands.addKeyBinding({
    command: Commands.runQuery,
    keys: ['Accel Enter'],
    selector
  });
  app.commands.addKeyBinding({
    command: Commands.cancelQuery,
    keys: ['Accel .'],
    selector
  });
}

/** The names to complete with, asked for again after a while; none while the server is silent. */
function knownNames({ client }: IKGFeatures): () => Promise<ICompletions> {
  let asked: Promise<ICompletions> | null = null;
  let at = 0;
  return () => {
    if (asked === null || Date.now() - at > FRESH) {
      at = Date.now();
      asked = client.completions().catch(() => {
        asked = null;
        return { schemas: [] };
      });
    }
    return asked;
  };
}

/** One history for all consoles, kept over a reload. */
class SharedHistory {
  past: IPast[] = [];

  constructor(
    private readonly state: IStateDB | null,
    private readonly tracker: WidgetTracker<Tab>
  ) {
    void state?.fetch(HISTORY).then(stored => {
      this.past = readHistory(stored);
      this.tell();
    });
  }

  add(past: IPast): void {
    this.past = remember(this.past, past);
    void this.state?.save(HISTORY, this.past as never);
    this.tell();
  }

  private tell(): void {
    this.tracker.forEach(tab => tab.content.changed.emit());
  }
}
