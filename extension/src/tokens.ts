/**
 * What the plugins share: one token, the names of the commands, the settings.
 */
import { Token } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { Client, ICode } from './api';

export type CodeStyle = keyof ICode;

export interface ISettings {
  /** What "Insert code" writes. */
  codeStyle: CodeStyle;
  /** The most rows that a query of the console keeps. */
  rowCap: number;
  /** Milliseconds between the last key and the search. */
  searchDelay: number;
  /** Seconds between two looks at the runs. */
  jobsInterval: number;
}

export interface IKGFeatures {
  readonly client: Client;
  readonly trans: TranslationBundle;
  /** The language of the interface as the browser's formats want it. */
  readonly locale: string;
  readonly settings: ISettings;
  readonly settingsChanged: ISignal<IKGFeatures, void>;
  /** Put code into the notebook in use, else into a new one. */
  insertCode(code: string): Promise<void>;
}

export const IKGFeatures = new Token<IKGFeatures>(
  'kgfeatures:IKGFeatures',
  'The client, the settings and the translations that all plugins of kgfeatures share.'
);

/** Plugins find each other by these: one that is disabled is a command that is not there. */
export const Commands = {
  openCatalogue: 'kgfeatures:open-catalogue',
  refreshCatalogue: 'kgfeatures:refresh-catalogue',
  openDetail: 'kgfeatures:open-detail',
  openSql: 'kgfeatures:open-sql',
  openGraph: 'kgfeatures:open-graph',
  insertCode: 'kgfeatures:insert-code',
  copyName: 'kgfeatures:copy-name',
  openEntry: 'kgfeatures:open-entry',
  insertEntry: 'kgfeatures:insert-entry',
  queryEntry: 'kgfeatures:query-entry',
  runQuery: 'kgfeatures:run-query',
  cancelQuery: 'kgfeatures:cancel-query',
  explainQuery: 'kgfeatures:explain-query',
  showJobs: 'kgfeatures:show-jobs'
} as const;
