/** What the console adds to JupyterLab's SQL editor: completion and the mark of an error. */
import {
  autocompletion,
  type Completion,
  type CompletionContext,
  type CompletionResult
} from '@codemirror/autocomplete';
import {
  EditorState,
  Prec,
  StateEffect,
  StateField,
  type Extension
} from '@codemirror/state';
import {
  Decoration,
  EditorView,
  ViewPlugin,
  keymap,
  type DecorationSet,
  type KeyBinding
} from '@codemirror/view';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { ICompletions } from '../api';
import { complete, type ICandidate } from './completion';

const setMark = StateEffect.define<readonly [number, number] | null>();

const marks = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update: (shown, transaction) => {
    for (const effect of transaction.effects) {
      if (effect.is(setMark)) {
        return effect.value
          ? Decoration.set([
              Decoration.mark({ class: 'kgf-ErrorMark' }).range(...effect.value)
            ])
          : Decoration.none;
      }
    }
    // Whoever edits has seen it.
    return transaction.docChanged ? Decoration.none : shown;
  },
  provide: field => EditorView.decorations.from(field)
});

export class EditorTools {
  readonly extensions: Extension[];

  constructor(
    trans: TranslationBundle,
    known: () => Promise<ICompletions>,
    { label, run, cancel }: { label: string; run: () => void; cancel: () => void }
  ) {
    const key = (name: string, action: () => void): KeyBinding => ({
      key: name,
      run: () => {
        action();
        return true;
      }
    });
    this.extensions = [
      // Before the editor's own Ctrl+Enter, which opens a line.
      Prec.highest(keymap.of([key('Mod-Enter', run), key('Mod-.', cancel)])),
      marks,
      ViewPlugin.define(view => {
        this.view = view;
        return {};
      }),
      autocompletion({
        override: [context => source(context, known)],
        icons: false,
        maxRenderedOptions: 100
      }),
      EditorState.phrases.of({ Completions: trans.__('Completions') }),
      EditorView.contentAttributes.of({ 'aria-label': label })
    ];
  }

  /** Mark a piece of the text and bring it into sight; null takes the mark away. */
  mark(span: readonly [number, number] | null): void {
    const length = this.view?.state.doc.length ?? 0;
    const fits = span !== null && span[0] < span[1] && span[1] <= length;
    this.view?.dispatch({
      effects: setMark.of(fits ? span : null),
      ...(fits ? { selection: { anchor: span[0] }, scrollIntoView: true } : {})
    });
  }

  /** The statement to run and where it begins: what is selected, else everything. */
  get chosen(): { sql: string; start: number } {
    const state = this.view?.state;
    if (!state) {
      return { sql: '', start: 0 };
    }
    const { from, to, empty } = state.selection.main;
    const sql = empty ? state.doc.toString() : state.sliceDoc(from, to);
    return { sql, start: empty ? 0 : from };
  }

  private view: EditorView | null = null;
}

async function source(
  context: CompletionContext,
  known: () => Promise<ICompletions>
): Promise<CompletionResult | null> {
  const typed = context.matchBefore(/[\p{L}\p{N}_$."]+$/u);
  if (!typed && !context.explicit) {
    return null;
  }
  const found = complete(context.state.doc.toString(), context.pos, await known());
  return found && { from: found.from, options: found.candidates.map(option) };
}

const TYPES: Record<ICandidate['type'], string> = {
  column: 'property',
  relation: 'class',
  function: 'function',
  schema: 'namespace',
  alias: 'variable',
  keyword: 'keyword'
};

function option(candidate: ICandidate): Completion {
  return { ...candidate, type: TYPES[candidate.type] };
}
