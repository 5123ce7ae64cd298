/** A query's result as the data grid reads it: pages come from the server, a few are kept. */
import { DataModel } from '@lumino/datagrid';

import type { Cell, IColumn } from '../api';
import { Pages, type Fetch } from '../pages';

export const PAGE = 500;
/** 20 pages of 500 rows, however long the result is. */
export const KEPT = 20;

export class ResultModel extends DataModel {
  constructor(
    readonly columns: readonly IColumn[],
    readonly rows: number,
    fetch: Fetch<Cell[]>,
    failed: (error: unknown) => void
  ) {
    super();
    this.pages = new Pages<Cell[]>({
      fetch,
      failed,
      loaded: (row, rowSpan) =>
        this.emitChanged({
          type: 'cells-changed',
          region: 'body',
          row,
          column: 0,
          rowSpan,
          columnSpan: columns.length
        }),
      pageSize: PAGE,
      kept: KEPT
    });
  }

  /** The number of rows in memory. */
  get held(): number {
    return this.pages.size;
  }

  override rowCount(region: DataModel.RowRegion): number {
    return region === 'body' ? this.rows : 2;
  }

  override columnCount(region: DataModel.ColumnRegion): number {
    return region === 'body' ? this.columns.length : 1;
  }

  override data(
    region: DataModel.CellRegion,
    row: number,
    column: number
  ): Cell | undefined {
    switch (region) {
      case 'body':
        return this.pages.get(row)?.[column];
      case 'column-header':
        return row === 0 ? this.columns[column]?.name : this.columns[column]?.type;
      case 'row-header':
        return row + 1;
      case 'corner-header':
        return '';
    }
  }

  clear(): void {
    this.pages.clear();
  }

  private readonly pages: Pages<Cell[]>;
}
