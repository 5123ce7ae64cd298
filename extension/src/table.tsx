/** A plain table: a head, rows of text, a caption for those who do not see it. */
import * as React from 'react';

export interface ITableProps {
  caption: string;
  head: readonly string[];
  rows: readonly (readonly React.ReactNode[])[];
  /** Columns that hold numbers, aligned to the right. */
  numeric?: ReadonlySet<number>;
}

export function Table({
  caption,
  head,
  rows,
  numeric = new Set()
}: ITableProps): React.JSX.Element {
  const style = (column: number): string =>
    numeric.has(column) ? 'kgf-mod-number' : '';
  return (
    <div className="kgf-Table" role="region" tabIndex={0} aria-label={caption}>
      <table>
        <caption className="kgf-Unseen">{caption}</caption>
        <thead>
          <tr>
            {head.map((name, column) => (
              <th key={column} scope="col" className={style(column)}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={index}>
              {row.map((value, column) => (
                <td key={column} className={style(column)}>
                  {value}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
