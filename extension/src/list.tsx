/**
 * A list box of rows of one height of which only those in sight are in the page: a thousand entries
 * cost what thirty cost. Arrow keys, Home, End and page keys move the mark, Enter opens, the menu
 * key opens the context menu of the marked row.
 */
import * as React from 'react';

export interface IListProps {
  id: string;
  label: string;
  total: number;
  marked: number;
  rowHeight: number;
  mark: (index: number) => void;
  open: (index: number) => void;
  render: (index: number) => React.ReactNode;
  /** Attributes of a row by which the context menu knows it. */
  attributes: (index: number) => Record<string, string>;
}

const MARGIN = 6;

export function VirtualList(props: IListProps): React.JSX.Element {
  const { id, total, marked, rowHeight } = props;
  const box = React.useRef<HTMLDivElement>(null);
  const [top, setTop] = React.useState(0);
  const height = useHeight(box);
  const first = Math.max(0, Math.floor(top / rowHeight) - MARGIN);
  const last = Math.min(total, Math.ceil((top + height) / rowHeight) + MARGIN);
  const visible = Array.from(
    { length: Math.max(0, last - first) },
    (_, i) => first + i
  );

  React.useEffect(() => {
    const node = box.current;
    if (!node) {
      return;
    }
    const start = marked * rowHeight;
    if (start < node.scrollTop) {
      node.scrollTop = start;
    } else if (start + rowHeight > node.scrollTop + node.clientHeight) {
      node.scrollTop = start + rowHeight - node.clientHeight;
    }
  }, [marked, total, rowHeight]);

  return (
    <div
      ref={box}
      id={id}
      className="kgf-List"
      role="listbox"
      tabIndex={0}
      aria-label={props.label}
      aria-activedescendant={total > 0 ? `${id}-${marked}` : undefined}
      onScroll={event => setTop(event.currentTarget.scrollTop)}
      onKeyDown={event =>
        onKey(event, props, Math.max(1, Math.floor(height / rowHeight)))
      }
    >
      <div
        className="kgf-List-content"
        role="presentation"
        style={{ height: total * rowHeight }}
      >
        {visible.map(index => (
          <div
            key={index}
            id={`${id}-${index}`}
            className="kgf-List-row"
            role="option"
            aria-selected={index === marked}
            aria-setsize={total}
            aria-posinset={index + 1}
            style={{ top: index * rowHeight, height: rowHeight }}
            onMouseDown={() => props.mark(index)}
            onDoubleClick={() => props.open(index)}
            onClick={event => event.detail === 1 && props.open(index)}
            {...props.attributes(index)}
          >
            {props.render(index)}
          </div>
        ))}
      </div>
    </div>
  );
}

function useHeight(box: React.RefObject<HTMLDivElement | null>): number {
  const [height, setHeight] = React.useState(600);
  React.useEffect(() => {
    if (!box.current) {
      return;
    }
    const watch = new ResizeObserver(([seen]) => {
      if (seen && seen.contentRect.height > 0) {
        setHeight(seen.contentRect.height);
      }
    });
    watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  return height;
}

function onKey(event: React.KeyboardEvent, props: IListProps, page: number): void {
  const { marked, total } = props;
  const moves: Record<string, number> = {
    ArrowDown: marked + 1,
    ArrowUp: marked - 1,
    PageDown: marked + page,
    PageUp: marked - page,
    Home: 0,
    End: total - 1
  };
  const target = moves[event.key];
  if (target !== undefined) {
    props.mark(target);
  } else if (event.key === 'Enter' || event.key === ' ') {
    props.open(marked);
  } else if (event.key === 'ContextMenu' || (event.key === 'F10' && event.shiftKey)) {
    openMenu(document.getElementById(`${props.id}-${marked}`));
  } else {
    return;
  }
  event.preventDefault();
  event.stopPropagation();
}

/** Open JupyterLab's context menu at a row, as a right click on it would. */
function openMenu(row: HTMLElement | null): void {
  if (row) {
    const { left, bottom } = row.getBoundingClientRect();
    const place = { clientX: left + 24, clientY: bottom - 4 };
    row.dispatchEvent(
      new MouseEvent('contextmenu', { bubbles: true, cancelable: true, ...place })
    );
  }
}
