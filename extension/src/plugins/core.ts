/** The plugin that all others need: client, translations, settings, "insert code". */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { Signal } from '@lumino/signaling';

import { Client } from '../api';
import { language } from '../format';
import { insertCode } from '../insert';
import { translateSchema } from './schema';
import { Commands, IKGFeatures, type CodeStyle, type ISettings } from '../tokens';

const ID = 'kgfeatures:core';

export const core: JupyterFrontEndPlugin<IKGFeatures> = {
  id: ID,
  description: 'The client and the settings that the plugins of kgfeatures share.',
  autoStart: true,
  provides: IKGFeatures,
  optional: [ITranslator, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    translator: ITranslator | null,
    registry: ISettingRegistry | null
  ): IKGFeatures => {
    const shared = new Shared(app, translator ?? nullTranslator);
    if (registry) {
      translateSchema(registry, ID, shared.trans);
      void registry.load(ID).then(settings => shared.follow(settings), console.warn);
    }
    const { trans } = shared;
    app.commands.addCommand(Commands.insertCode, {
      label: trans.__('Insert code'),
      caption: trans.__('Put the code into the notebook in use, or into a new one'),
      execute: args => shared.insertCode(String(args['code'] ?? ''))
    });
    return shared;
  }
};

class Shared implements IKGFeatures {
  readonly client;
  readonly trans;
  readonly locale;
  readonly settingsChanged: Signal<IKGFeatures, void> = new Signal<IKGFeatures, void>(
    this
  );
  settings: ISettings = {
    codeStyle: 'python',
    rowCap: 100_000,
    searchDelay: 150,
    jobsInterval: 10
  };

  constructor(
    private readonly app: JupyterFrontEnd,
    translator: ITranslator
  ) {
    this.trans = translator.load('kgfeatures');
    this.locale = language(translator.languageCode);
    this.client = new Client(this.locale);
  }

  insertCode(code: string): Promise<void> {
    return insertCode(this.app, code);
  }

  /** Take over what the user has set, now and whenever it changes. */
  follow(settings: ISettingRegistry.ISettings): void {
    const read = (): void => {
      const given = settings.composite;
      this.settings = {
        codeStyle: given['codeStyle'] as CodeStyle,
        rowCap: given['rowCap'] as number,
        searchDelay: given['searchDelay'] as number,
        jobsInterval: given['jobsInterval'] as number
      };
      this.settingsChanged.emit();
    };
    settings.changed.connect(read);
    read();
  }
}
