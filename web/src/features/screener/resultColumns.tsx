/** The columns of the results: company, price and change, and what the screen or the reader asks for. */
import { Link } from "@tanstack/react-router";
import { useFormats } from "@/shared/format/use";
import { quotes, useQuote } from "@/shared/live/hooks";
import type { Column } from "@/shared/ui/DataTable";
import page from "@/shared/ui/page.module.css";
import { ChangeText, LiveChange, LiveCount, LivePrice } from "@/shared/ui/values";
import { isWords, ValueCell } from "./cells";
import { FIXED } from "./query";
import type { Cell, ResultColumn, ResultPage, ResultRow } from "./types";

/** What a table shows: the room's values, those of the last asking, or a past day's. */
export type Time = "live" | "now" | "past";

export function resultColumns(
  result: ResultPage | undefined,
  intermediate: boolean,
  time: Time,
): Column<ResultRow>[] {
  const isPast = time === "past";
  const columns: Column<ResultRow>[] = [
    {
      id: "symbol",
      title: "Company",
      text: (row) => row.symbol,
      cell: (row) => (
        <span className={page.two}>
          <Link to="/symbol/$id" params={{ id: row.instrument }} search={{}} className={page.link}>
            {row.symbol}
          </Link>
          {row.name && row.name !== row.symbol && <small>{row.name}</small>}
        </span>
      ),
    },
    {
      id: "close",
      title: "Price",
      align: "right",
      value: (row) => (isPast ? row.close : quotes.get(row.instrument).close),
      cell: (row) => (isPast ? <Plain value={row.close} /> : <LivePrice instrument={row.instrument} />),
    },
    {
      id: "change_pct",
      title: "Change",
      align: "right",
      value: (row) => (isPast ? row.change_pct : quotes.get(row.instrument).change_pct),
      cell: (row) =>
        isPast ? <ChangeText value={row.change_pct} /> : <LiveChange instrument={row.instrument} />,
    },
  ];
  const own = (result?.columns ?? []).map((column, index) => ({ column, index }));
  // What is always there is not shown twice.
  const shown = own.filter(({ column }) => !FIXED.has(column.expression));
  if (intermediate && !isPast && !shown.some(({ column }) => column.expression.endsWith("volume")))
    columns.push({
      id: "volume",
      title: "Volume",
      align: "right",
      value: (row) => quotes.get(row.instrument).volume,
      cell: (row) => <LiveCount instrument={row.instrument} />,
    });
  for (const { column, index } of shown) {
    const words = isWords(column.type);
    const read = (row: ResultRow) =>
      (time === "live" ? quotes.get(row.instrument)[column.expression] : undefined) ??
      (row.values[index] as string | number | null);
    columns.push({
      id: column.expression,
      title: column.label,
      about: column.expression,
      align: words ? "left" : "right",
      ...(words ? { text: (row: ResultRow) => String(row.values[index] ?? "") } : { value: read }),
      cell: (row) =>
        time === "live" ? (
          <LiveCell instrument={row.instrument} value={row.values[index]} column={column} />
        ) : (
          <ValueCell value={row.values[index]} column={column} />
        ),
    });
  }
  return columns;
}

/** A field that the room brings moves with it; everything else is as it was asked for last. */
function LiveCell({
  instrument,
  value,
  column,
}: {
  instrument: string;
  value: Cell | undefined;
  column: ResultColumn;
}) {
  const now = useQuote(instrument)[column.expression];
  return <ValueCell value={now === undefined || isWords(column.type) ? value : now} column={column} />;
}

function Plain({ value }: { value: string | number | null }) {
  const formats = useFormats();
  return <span className="num">{formats.price(value)}</span>;
}
