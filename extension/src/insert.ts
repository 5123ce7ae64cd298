/**
 * Puts code into the notebook in use, else into a new one. By commands alone: to depend on the
 * notebook package would double the installation of this front end.
 */
import type { JupyterFrontEnd } from '@jupyterlab/application';

const INSERT = 'notebook:insert-cell-below';
const REPLACE = 'notebook:replace-selection';
const CREATE = 'notebook:create-new';

interface INotebook {
  context: { ready: Promise<void>; sessionContext: { ready: Promise<void> } };
}

function isNotebook(widget: unknown): widget is INotebook {
  return typeof widget === 'object' && widget !== null && 'context' in widget;
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
    const made: unknown = await commands.execute(CREATE, { kernelName });
    if (isNotebook(made)) {
      await made.context.ready;
    }
  }
  await commands.execute(REPLACE, { text: code });
}
