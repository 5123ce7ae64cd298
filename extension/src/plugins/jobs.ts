/** The runs in the status bar, with a notice when one that was under way has ended. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, Notification } from '@jupyterlab/apputils';
import { IStatusBar } from '@jupyterlab/statusbar';

import { JobsStatus } from '../jobs/status';
import { Commands, IKGFeatures } from '../tokens';

export const jobs: JupyterFrontEndPlugin<void> = {
  id: 'kgfeatures:jobs',
  description: 'The runs of kgfeatures in the status bar.',
  autoStart: true,
  requires: [IKGFeatures, IStatusBar],
  optional: [ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    shared: IKGFeatures,
    bar: IStatusBar,
    palette: ICommandPalette | null
  ): void => {
    const { trans } = shared;
    const item = new JobsStatus(shared, run => {
      if (app.commands.hasCommand(Commands.refreshCatalogue)) {
        void app.commands.execute(Commands.refreshCatalogue);
      }
      if (run.state === 'failed') {
        Notification.error(trans.__('The step %1 has failed.', run.step));
      } else {
        Notification.success(trans.__('The step %1 has finished.', run.step), {
          autoClose: 5000
        });
      }
    });
    bar.registerStatusItem('kgfeatures:jobs', { item, align: 'left', rank: 100 });
    app.commands.addCommand(Commands.showJobs, {
      label: trans.__('Show the last runs'),
      execute: () => item.toggle()
    });
    palette?.addItem({
      command: Commands.showJobs,
      category: trans.__('Knowledge-graph features')
    });
  }
};
