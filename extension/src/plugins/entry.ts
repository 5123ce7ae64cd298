/** The ways in: the launcher's cards and the menu. What is disabled has neither. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ILauncher } from '@jupyterlab/launcher';
import { IMainMenu } from '@jupyterlab/mainmenu';
import { Menu } from '@lumino/widgets';

import { Commands, IKGFeatures } from '../tokens';

export const entry: JupyterFrontEndPlugin<void> = {
  id: 'kgfeatures:entry',
  description: 'Cards in the launcher and a menu for kgfeatures.',
  autoStart: true,
  requires: [IKGFeatures],
  optional: [ILauncher, IMainMenu],
  activate: (
    app: JupyterFrontEnd,
    { trans }: IKGFeatures,
    launcher: ILauncher | null,
    mainMenu: IMainMenu | null
  ): void => {
    const { commands } = app;
    const menu = new Menu({ commands });
    menu.id = 'kgfeatures-menu';
    menu.title.label = trans.__('Features');
    const category = trans.__('Knowledge-graph features');
    // The other plugins may start after this one.
    void app.started.then(() => {
      const here = (command: string): boolean => commands.hasCommand(command);
      const cards = [Commands.openCatalogue, Commands.openSql, Commands.openGraph];
      cards.filter(here).forEach((command, rank) => {
        launcher?.add({ command, category, rank });
        menu.addItem({ command });
      });
      menu.addItem({ type: 'separator' });
      [
        Commands.runQuery,
        Commands.cancelQuery,
        Commands.explainQuery,
        Commands.showJobs
      ]
        .filter(here)
        .forEach(command => menu.addItem({ command }));
      mainMenu?.addMenu(menu, false, { rank: 900 });
    });
  }
};
