/**
 * A table with sortable heads, keyboard rows and, when it is long, virtual rows.
 *
 * Sorting by a live column is renewed at most once a second and never under the pointer.
 */
import { ArrowDown, ArrowUp } from "lucide-react";
import { type KeyboardEvent, lazy, type ReactNode, Suspense, useMemo, useRef, useState } from "react";
import type { Numeric } from "@/shared/format/numbers";
import { isKnown } from "@/shared/format/numbers";
import { usePace } from "@/shared/live/hooks";
import classes from "./DataTable.module.css";

export interface Column<T> {
  id: string;
  title: string;
  /** Longer words for the head's tooltip and screen readers. */
  about?: string;
  align?: "left" | "right";
  width?: number | string;
  cell: (row: T) => ReactNode;
  /** Gives the value to sort by; without it the column does not sort. */
  value?: (row: T) => Numeric;
  /** Also sorts text. */
  text?: (row: T) => string;
}

export interface Sort {
  id: string;
  down: boolean;
}

export interface DataTableProps<T> {
  label: string;
  rows: readonly T[];
  columns: readonly Column<T>[];
  keyOf: (row: T) => string;
  /** Marks a row for as long as it is given. */
  rowClass?: (row: T) => string | undefined;
  onOpen?: (row: T) => void;
  sort?: Sort;
  onSort?: (sort: Sort | undefined) => void;
  /** Scroll height; without it the table is as long as its rows. */
  height?: number;
  live?: boolean;
  caption?: string;
}

const VIRTUAL_FROM = 60;

// Most tables are short: what virtual rows need comes with the first long one.
const VirtualBody = lazy(() => import("./VirtualBody"));

export function DataTable<T>(props: DataTableProps<T>) {
  const { label, columns, keyOf, onOpen, height, live } = props;
  const [ownSort, setOwnSort] = useState<Sort | undefined>(props.sort);
  const sort = props.onSort ? props.sort : ownSort;
  const [hovered, setHovered] = useState(false);
  const [active, setActive] = useState(-1);
  const rows = useSorted(props.rows, columns, sort, Boolean(live), hovered);
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = height !== undefined && rows.length > VIRTUAL_FROM;

  const turn = (id: string) => {
    const next = sort?.id !== id ? { id, down: true } : sort.down ? { id, down: false } : undefined;
    if (props.onSort) props.onSort(next);
    else setOwnSort(next);
  };

  const focusRow = (index: number) => {
    const bounded = Math.max(0, Math.min(rows.length - 1, index));
    setActive(bounded);
    requestAnimationFrame(() => {
      scroller.current?.querySelector<HTMLElement>(`tr[data-index="${bounded}"]`)?.focus();
    });
  };

  const onKey = (event: KeyboardEvent) => {
    if (!(event.target instanceof HTMLTableRowElement)) return;
    const step: Record<string, number> = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 };
    if (event.key in step) {
      event.preventDefault();
      event.stopPropagation();
      focusRow(active + (step[event.key] ?? 0));
    } else if (event.key === "Home") focusRow(0);
    else if (event.key === "End") focusRow(rows.length - 1);
    else if (event.key === "Enter" && onOpen) {
      const row = rows[active];
      if (row) onOpen(row);
    }
  };

  const renderRow = (row: T, index: number) => (
    <tr
      key={keyOf(row)}
      className={props.rowClass?.(row)}
      data-index={index}
      aria-rowindex={index + 2}
      tabIndex={index === Math.max(0, active) ? 0 : -1}
      onFocus={(event) => event.target === event.currentTarget && setActive(index)}
      onDoubleClick={() => onOpen?.(row)}
    >
      {columns.map((column) => (
        <td key={column.id} className={column.align === "right" ? classes.right : undefined}>
          {column.cell(row)}
        </td>
      ))}
    </tr>
  );

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: rows take the keys; the scroller only hands them on
    <div
      ref={scroller}
      className={classes.scroller}
      style={height === undefined ? undefined : { maxHeight: height }}
      onKeyDown={onKey}
      onPointerEnter={() => setHovered(true)}
      onPointerLeave={() => setHovered(false)}
    >
      <table className={classes.table} aria-label={label} aria-rowcount={rows.length + 1} data-rows>
        {props.caption && <caption className="sr-only">{props.caption}</caption>}
        <thead>
          <tr aria-rowindex={1}>
            {columns.map((column) => (
              <Head key={column.id} column={column} sort={sort} onSort={turn} />
            ))}
          </tr>
        </thead>
        {virtual ? (
          <Suspense fallback={<tbody />}>
            <VirtualBody
              scroller={scroller}
              count={rows.length}
              columns={columns.length}
              spacer={classes.spacer}
              renderRow={(index) => {
                const row = rows[index];
                return row === undefined ? null : renderRow(row, index);
              }}
            />
          </Suspense>
        ) : (
          <tbody>{rows.map(renderRow)}</tbody>
        )}
      </table>
    </div>
  );
}

function Head<T>({
  column,
  sort,
  onSort,
}: {
  column: Column<T>;
  sort: Sort | undefined;
  onSort: (id: string) => void;
}) {
  const sortable = Boolean(column.value ?? column.text);
  const mine = sort?.id === column.id ? sort : null;
  const order = mine ? (mine.down ? "descending" : "ascending") : undefined;
  return (
    <th
      scope="col"
      aria-sort={order}
      style={{ width: column.width }}
      className={column.align === "right" ? classes.right : undefined}
      title={column.about}
    >
      {sortable ? (
        <button type="button" className={classes.sort} onClick={() => onSort(column.id)}>
          {column.title}
          {mine && (mine.down ? <ArrowDown size={12} aria-hidden /> : <ArrowUp size={12} aria-hidden />)}
        </button>
      ) : column.title ? (
        column.title
      ) : (
        <span className="sr-only">{column.about ?? "Actions"}</span>
      )}
    </th>
  );
}

function useSorted<T>(
  rows: readonly T[],
  columns: readonly Column<T>[],
  sort: Sort | undefined,
  live: boolean,
  hovered: boolean,
): readonly T[] {
  const beat = usePace(1000, !live || hovered || !sort);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the beat asks for a new order of live values
  return useMemo(() => {
    const column = columns.find((one) => one.id === sort?.id);
    if (!sort || !column) return rows;
    return sortRows(rows, column, sort.down);
  }, [rows, columns, sort, beat]);
}

/** Known values first in either order; ties keep their place. */
export function sortRows<T>(rows: readonly T[], column: Column<T>, down: boolean): T[] {
  const turn = down ? -1 : 1;
  return [...rows].sort((a, b) => {
    if (column.text) return turn * column.text(a).localeCompare(column.text(b));
    const left = column.value?.(a);
    const right = column.value?.(b);
    if (!isKnown(left)) return isKnown(right) ? 1 : 0;
    if (!isKnown(right)) return -1;
    return turn * (Number(left) - Number(right));
  });
}
