/** The SQL console: editor above, result, plan and history below. */
import { MainAreaWidget } from '@jupyterlab/apputils';
import {
  CodeEditorWrapper,
  CodeEditor,
  type IEditorServices
} from '@jupyterlab/codeeditor';
import {
  ToolbarButton,
  runIcon,
  stopIcon,
  downloadIcon,
  type ReactWidget
} from '@jupyterlab/ui-components';
import type { DataGrid } from '@lumino/datagrid';
import { MessageLoop } from '@lumino/messaging';
import { Signal } from '@lumino/signaling';
import { BoxLayout, Panel, SplitPanel, TabPanel, Widget } from '@lumino/widgets';

import {
  ServerError,
  isAborted,
  sentence,
  type ICompletions,
  type IPlan
} from '../api';
import { codeIcon, consoleIcon, planIcon } from '../icons';
import type { IKGFeatures } from '../tokens';
import { EditorTools } from './editor';
import { makeGrid, paint, show, shown } from './grid';
import type { IPast } from './history';
import { ResultModel } from './resultmodel';
import { Runner, type Phase } from './runner';
import { asCode, errorSpan } from './text';
import { History, Plan, Status, view, type IConsoleState } from './views';

export interface IConsoleOptions {
  shared: IKGFeatures;
  services: IEditorServices;
  /** Names of schemas, relations and functions, asked once. */
  known: () => Promise<ICompletions>;
  history: () => readonly IPast[];
  record: (past: IPast) => void;
  sql: string;
}

export class SqlConsole extends Widget implements IConsoleState {
  readonly shared: IKGFeatures;
  readonly changed = new Signal<SqlConsole, void>(this);
  readonly edited = new Signal<SqlConsole, void>(this);
  readonly runner: Runner;
  readonly grid: DataGrid = makeGrid();
  failure: string | null = null;
  planFailure: string | null = null;
  announcement = '';
  plan: IPlan | null = null;
  planBusy = false;
  start = 0;

  constructor(private readonly options: IConsoleOptions) {
    super();
    this.shared = options.shared;
    const { trans, client } = this.shared;
    this.addClass('kgf-Sql');
    this.runner = new Runner({
      run: (sql, force) => client.run(sql, this.shared.settings.rowCap, force),
      query: (id, signal) => client.query(id, signal),
      drop: id => client.drop(id),
      changed: () => this.follow(),
      wait: time => new Promise(resolve => setTimeout(resolve, time)),
      explain: asBody
    });
    this.tools = new EditorTools(trans, options.known, {
      label: trans.__('SQL statement'),
      run: () => void this.run(),
      cancel: () => this.cancel()
    });
    this.editor = this.makeEditor(options);
    this.tabs = this.makeTabs();
    const split = new SplitPanel({ orientation: 'vertical', spacing: 4 });
    split.addWidget(this.editor);
    split.addWidget(this.tabs);
    split.setRelativeSizes([0.35, 0.65]);
    const layout = (this.layout = new BoxLayout({ direction: 'top-to-bottom' }));
    layout.addWidget(split);
    BoxLayout.setStretch(split, 1);
  }

  get text(): string {
    return this.editor.model.sharedModel.getSource();
  }

  set text(sql: string) {
    this.editor.model.sharedModel.setSource(sql);
  }

  get history(): readonly IPast[] {
    return this.options.history();
  }

  override dispose(): void {
    this.runner.release();
    this.result?.clear();
    this.watch.disconnect();
    super.dispose();
  }

  run(): Promise<void> {
    const { sql, start } = this.tools.chosen;
    if (!sql.trim() || this.runner.running) {
      return Promise.resolve();
    }
    this.start = start;
    this.failure = null;
    this.tools.mark(null);
    this.tabs.currentIndex = 0;
    return this.runner.run(sql);
  }

  force(): void {
    void this.runner.force();
  }

  cancel(): void {
    this.runner.cancel();
  }

  async explain(): Promise<void> {
    const { sql } = this.tools.chosen;
    if (!sql.trim()) {
      return;
    }
    this.tabs.currentIndex = 1;
    this.planBusy = true;
    this.planFailure = null;
    this.changed.emit();
    try {
      this.plan = await this.shared.client.explain(sql);
    } catch (error) {
      this.plan = null;
      this.planFailure = sentence(error);
    }
    this.planBusy = false;
    this.changed.emit();
  }

  async export(format: 'csv' | 'parquet'): Promise<void> {
    const id = this.runner.query?.id;
    if (id === undefined) {
      return;
    }
    try {
      save(await this.shared.client.export(id, format), `result.${format}`);
    } catch (error) {
      this.fail(error);
    }
  }

  insert(): Promise<void> {
    const { sql } = this.tools.chosen;
    const style = this.shared.settings.codeStyle;
    return this.shared.insertCode(asCode(sql, style));
  }

  recall(sql: string): void {
    this.text = sql;
    this.editor.editor.focus();
  }

  showError(): void {
    const position = this.runner.error?.position;
    if (typeof position === 'number') {
      const [from, to] = errorSpan(this.runner.sql, position);
      this.tools.mark([this.start + from, this.start + to]);
      this.editor.editor.focus();
    }
  }

  /** Take over another theme. */
  repaint(): void {
    paint(this.grid, this.shared.locale);
  }

  protected override onActivateRequest(): void {
    this.editor.editor.focus();
  }

  private makeEditor({ services, sql, shared }: IConsoleOptions): CodeEditorWrapper {
    const model = new CodeEditor.Model({ mimeType: 'text/x-sql' });
    model.sharedModel.setSource(sql);
    const { extensions } = this.tools;
    const editor = new CodeEditorWrapper({
      model,
      factory: options =>
        services.factoryService.newDocumentEditor({ ...options, extensions }),
      editorOptions: { config: { lineNumbers: true, lineWrap: true } }
    });
    editor.addClass('kgf-Sql-editor');
    editor.node.setAttribute('role', 'region');
    editor.node.setAttribute('aria-label', shared.trans.__('SQL editor'));
    model.sharedModel.changed.connect(() => this.edited.emit());
    return editor;
  }

  private makeTabs(): TabPanel {
    const { trans } = this.shared;
    const result = new Panel();
    result.addClass('kgf-Sql-result');
    const status = view(this, Status);
    status.addClass('kgf-Sql-messages');
    result.addWidget(status);
    result.addWidget(this.grid);
    this.grid.hide();
    // Messages come and go above the grid, which Lumino's layouts do not see.
    this.watch.observe(this.grid.node);
    const node = this.grid.node;
    node.setAttribute('role', 'region');
    node.setAttribute(
      'aria-label',
      trans.__('Result; the arrow keys move from cell to cell')
    );
    const tabs = new TabPanel({ tabPlacement: 'top' });
    tabs.addClass('kgf-Tabs');
    const pages: [Widget | ReactWidget, string][] = [
      [result, trans.__('Result')],
      [view(this, Plan), trans.__('Explain')],
      [view(this, History), trans.__('History')]
    ];
    for (const [page, label] of pages) {
      page.title.label = label;
      page.addClass('kgf-Tabs-page');
      tabs.addWidget(page);
    }
    return tabs;
  }

  private follow(): void {
    if (this.runner.phase !== this.phase) {
      this.phase = this.runner.phase;
      this.enter(this.phase);
    }
    this.changed.emit();
  }

  private enter(phase: Phase): void {
    const { query, sql } = this.runner;
    if (phase === 'done' && query) {
      this.present(query.id, query.columns ?? [], query.rows);
    } else if (phase !== 'costly') {
      this.present('', [], 0);
    }
    if (phase === 'failed') {
      this.showError();
    }
    if (phase === 'done' || phase === 'failed' || phase === 'cancelled') {
      const { rows = null, seconds = 0 } = query ?? {};
      const at = new Date().toISOString();
      this.options.record({ sql, at, rows, seconds, state: phase });
    }
  }

  private present(id: string, columns: ResultModel['columns'], rows: number): void {
    const { client, locale } = this.shared;
    this.result?.clear();
    const model = (this.result = new ResultModel(
      columns,
      rows,
      (offset, limit, signal) => client.rows(id, offset, limit, signal),
      error => this.fail(error)
    ));
    this.grid.setHidden(columns.length === 0);
    show(this.grid, model, locale, (row, column) => {
      const value = shown(model.data('body', row, column), locale);
      const name = columns[column]?.name ?? '';
      this.announcement = this.shared.trans.__('%1, row %2: %3', name, row + 1, value);
      this.changed.emit();
    });
  }

  private fail(error: unknown): void {
    if (!isAborted(error)) {
      this.failure = sentence(error);
      this.changed.emit();
    }
  }

  private readonly editor: CodeEditorWrapper;
  private readonly tools: EditorTools;
  private readonly tabs: TabPanel;
  private readonly watch = new ResizeObserver(() =>
    MessageLoop.sendMessage(this.grid, Widget.ResizeMessage.UnknownSize)
  );
  private result: ResultModel | null = null;
  private phase: Phase = 'idle';
}

/** The console as a tab, with its buttons. */
export function asTab(content: SqlConsole): MainAreaWidget<SqlConsole> {
  const tab = new MainAreaWidget({ content });
  const { trans } = content.shared;
  tab.title.label = trans.__('SQL console');
  tab.title.icon = consoleIcon;
  tab.title.closable = true;
  tab.toolbar.addClass('kgf-Sql-bar');
  const button = (
    name: string,
    options: ConstructorParameters<typeof ToolbarButton>[0]
  ): ToolbarButton => {
    const made = new ToolbarButton(options);
    tab.toolbar.addItem(name, made);
    return made;
  };
  const run = button('run', {
    icon: runIcon,
    label: trans.__('Run'),
    tooltip: trans.__('Run the statement, or what is selected of it (Ctrl+Enter)'),
    onClick: () => void content.run()
  });
  const cancel = button('cancel', {
    icon: stopIcon,
    label: trans.__('Cancel'),
    tooltip: trans.__('End the query in the database'),
    onClick: () => content.cancel()
  });
  button('explain', {
    icon: planIcon,
    label: trans.__('Explain'),
    tooltip: trans.__('Show how the database would run the statement'),
    onClick: () => void content.explain()
  });
  const exports = (['csv', 'parquet'] as const).map(format =>
    button(format, {
      icon: downloadIcon,
      label: format === 'csv' ? 'CSV' : 'Parquet',
      tooltip: trans.__('Save the result as %1', format),
      onClick: () => void content.export(format)
    })
  );
  button('insert', {
    icon: codeIcon,
    label: trans.__('Insert code'),
    tooltip: trans.__('Put the statement into the notebook in use'),
    onClick: () => void content.insert()
  });
  const follow = (): void => {
    const { runner } = content;
    run.enabled = !runner.running;
    cancel.enabled = runner.running;
    exports.forEach(item => (item.enabled = runner.phase === 'done'));
  };
  content.changed.connect(follow);
  follow();
  return tab;
}

function asBody(
  thrown: unknown
): ReturnType<ConstructorParameters<typeof Runner>[0]['explain']> {
  return thrown instanceof ServerError
    ? { error: thrown.body, warnings: thrown.warnings }
    : { error: { kind: 'unavailable', message: sentence(thrown) }, warnings: [] };
}

function save(content: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
