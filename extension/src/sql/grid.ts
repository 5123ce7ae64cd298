/** JupyterLab's data grid in the colours of its theme, with the cell in focus read out. */
import {
  BasicKeyHandler,
  BasicMouseHandler,
  BasicSelectionModel,
  DataGrid,
  TextRenderer,
  type CellRenderer
} from '@lumino/datagrid';

import type { IColumn } from '../api';
import { cell } from '../format';
import type { ResultModel } from './resultmodel';

/** Rows whose widths count. */
const FITTED = 100;

export type Announce = (row: number, column: number) => void;

export function makeGrid(): DataGrid {
  const grid = new DataGrid({
    defaultSizes: {
      rowHeight: 24,
      columnWidth: 150,
      rowHeaderWidth: 72,
      columnHeaderHeight: 22
    },
    headerVisibility: 'all'
  });
  grid.addClass('kgf-Grid');
  grid.keyHandler = new BasicKeyHandler();
  grid.mouseHandler = new BasicMouseHandler();
  grid.copyConfig = {
    separator: '\t',
    headers: 'none',
    format: DataGrid.copyFormatGeneric,
    warningThreshold: 1e6
  };
  return grid;
}

export function show(
  grid: DataGrid,
  model: ResultModel,
  locale: string,
  announce: Announce
): void {
  grid.dataModel = model;
  const selection = new BasicSelectionModel({
    dataModel: model,
    selectionMode: 'cell'
  });
  selection.changed.connect(() => {
    if (selection.cursorRow >= 0) {
      announce(selection.cursorRow, selection.cursorColumn);
    }
  });
  grid.selectionModel = selection;
  model.columns.forEach((column, index) =>
    grid.resizeColumn('body', index, width(column))
  );
  const fit = (): void => {
    // Once: what somebody has widened by hand stays so.
    model.changed.disconnect(fit);
    model.columns.forEach((column, index) =>
      grid.resizeColumn('body', index, fitting(column, model, index, locale))
    );
  };
  model.changed.connect(fit);
  paint(grid, locale);
}

/** Pixels that a column of a type needs, its name too. */
export function width({ name, type }: IColumn): number {
  const needed = /^timestamp/.test(type)
    ? 210
    : /^(bool|int|smallint|real|float|double|date)/.test(type)
      ? 110
      : 120;
  return Math.max(needed, Math.min(320, 8 * Math.max(name.length, type.length) + 20));
}

/** Pixels that the first rows of a column need, within limits. */
function fitting(
  column: IColumn,
  model: ResultModel,
  index: number,
  locale: string
): number {
  let longest = 0;
  for (let row = 0; row < Math.min(model.rows, FITTED); row += 1) {
    const text = shown(model.data('body', row, index), locale);
    // A Chinese character is as wide as two others.
    longest = Math.max(longest, text.replace(/[\u2e80-\uffef]/g, 'xx').length);
  }
  return Math.max(width(column), Math.min(420, 8 * longest + 24));
}

/** Take the colours of the theme in use; called again when it changes. */
export function paint(grid: DataGrid, locale: string): void {
  const style = getComputedStyle(document.body);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const background = colour('--jp-layout-color1');
  const other = colour('--jp-layout-color0');
  const line = colour('--jp-border-color2');
  const brand = colour('--jp-brand-color1');
  grid.style = {
    ...DataGrid.defaultStyle,
    voidColor: background,
    backgroundColor: background,
    headerBackgroundColor: colour('--jp-layout-color2'),
    gridLineColor: line,
    headerGridLineColor: line,
    rowBackgroundColor: row => (row % 2 ? other : background),
    selectionFillColor: faded(brand),
    selectionBorderColor: brand,
    cursorFillColor: 'transparent',
    cursorBorderColor: brand,
    headerSelectionFillColor: faded(brand),
    headerSelectionBorderColor: brand
  };
  const font = `12px ${colour('--jp-ui-font-family')}`;
  const text = colour('--jp-ui-font-color1');
  const faint = colour('--jp-ui-font-color2');
  const isEmpty = ({ value }: CellRenderer.CellConfig): boolean =>
    value === null || value === undefined;
  const plain = { font, backgroundColor: '' };
  grid.cellRenderers.update({
    body: new TextRenderer({
      ...plain,
      textColor: config => (isEmpty(config) ? faint : text),
      horizontalAlignment: ({ value }) =>
        typeof value === 'number' ? 'right' : 'left',
      elideDirection: 'right',
      format: ({ value }) => shown(value as never, locale)
    }),
    'column-header': new TextRenderer({
      font: ({ row }) => (row === 0 ? `bold ${font}` : font),
      backgroundColor: '',
      textColor: ({ row }) => (row === 0 ? text : faint),
      horizontalAlignment: 'left'
    }),
    'row-header': new TextRenderer({
      ...plain,
      textColor: faint,
      horizontalAlignment: 'right',
      format: ({ value }) => (value as number).toLocaleString(locale)
    })
  });
}

/** A cell as text: … while it is on the way, null as such. */
export function shown(
  value: string | number | boolean | null | undefined,
  locale: string
): string {
  return value === undefined ? '…' : value === null ? 'null' : cell(value, locale);
}

/** A colour of the theme that lets the text below shine through. */
function faded(colour: string): string {
  return /^#[0-9a-f]{6}$/i.test(colour) ? `${colour}33` : 'transparent';
}
