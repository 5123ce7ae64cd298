/**
 * Puts code into the notebook in use, else into a new one. By commands alone: to depend on the
 * notebook package would double the installation of this front end.
 */
import type { JupyterFrontEnd } from '@jupyterlab/application';

const INSERT = 'notebook:insert-cell-below';
const REPLACE = 'notebook:replace-selection';
const CREATE = 'notebook:create-new';
const MAGIC = '%%kgsql';
const LOAD = '%load_ext kgfeatures';

/** What is read of a notebook's panel. */
interface INotebook {
  context?: { ready: Promise<void> };
  /** Kept once it is laid out: what is written before may stay unseen. */
  revealed?: Promise<void>;
  model?: { sharedModel?: { cells?: readonly { getSource(): string }[] } };
}

export async function insertCode(app: JupyterFrontEnd, code: string): Promise<void> {
  const { commands, shell, serviceManager } = app;
  const open = [...shell.widgets('main')].some(widget =>
    widget.hasClass('jp-NotebookPanel')
  );
  if (open) {
    await commands.execute(INSERT);
  } else {
    await serviceManager.kernelspecs.ready;
    const kernelName = serviceManager.kernelspecs.specs?.default;
    const made: INotebook | undefined = await commands.execute(CREATE, { kernelName });
    await made?.context?.ready;
    await made?.revealed;
  }
  // The commands have brought the notebook to the front.
  const notebook: INotebook | null = shell.currentWidget as INotebook | null;
  if (code.startsWith(MAGIC) && !loads(notebook)) {
    await commands.execute(REPLACE, { text: LOAD });
    await commands.execute(INSERT);
  }
  await commands.execute(REPLACE, { text: code });
}

/** Whether a cell of the notebook loads the magic, which has to stand alone at its cell's head. */
export function loads(notebook: INotebook | null): boolean {
  const cells = notebook?.model?.sharedModel?.cells ?? [];
  return cells.some(cell => cell.getSource().includes(LOAD));
}
