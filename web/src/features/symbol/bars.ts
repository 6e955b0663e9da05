/** From live rows to what the chart draws. Pure. */
import type { Candle } from "@/shared/chart/candles";
import { isKnown } from "@/shared/format/numbers";
import { toMillis } from "@/shared/format/time";
import type { Row } from "@/shared/live/quotes";

/** The bar that is forming now, from the live row; null while the row has none. */
export function formingOf(row: Row, timeframe: string, last: Candle | undefined): Candle | null {
  if (timeframe !== "1m" && timeframe !== "1d") return null;
  if (timeframe === "1m") {
    const start = toMillis(row["bar.start"]);
    if (start === null || !isKnown(row["bar.close"])) return null;
    return {
      time: Math.floor(start / 1000),
      open: Number(row["bar.open"]),
      high: Number(row["bar.high"]),
      low: Number(row["bar.low"]),
      close: Number(row["bar.close"]),
      volume: Number(row["bar.volume"] ?? 0),
    };
  }
  const event = toMillis(row.event_time);
  if (event === null || !isKnown(row["day.open"]) || !isKnown(row.close) || !last) return null;
  // The day's bar starts at the session's open; until REST brought it, the last bar is an older day.
  if (Math.floor(event / 1000) - last.time > 86_400) return null;
  return {
    time: last.time,
    open: Number(row["day.open"]),
    high: Number(row["day.high"]),
    low: Number(row["day.low"]),
    close: Number(row.close),
    volume: Number(row["day.volume"] ?? row.volume ?? 0),
  };
}

/** Closed minutes as the room sends them: `{columns, rows}`; a row replaces the bar of the same start. */
export function closedOf(data: unknown): Candle[] {
  const { columns, rows } = (data ?? {}) as { columns?: string[]; rows?: unknown[][] };
  if (!columns || !rows) return [];
  const at = (name: string) => columns.indexOf(name);
  const [start, open, high, low, close, volume] = ["start", "open", "high", "low", "close", "volume"].map(at);
  const cell = (row: unknown[], index: number | undefined) => Number(row[index ?? -1] ?? Number.NaN);
  const found: Candle[] = [];
  for (const row of rows) {
    const millis = toMillis(row[start ?? -1] as string | number);
    if (millis === null || !Number.isFinite(cell(row, close))) continue;
    found.push({
      time: Math.floor(millis / 1000),
      open: cell(row, open),
      high: cell(row, high),
      low: cell(row, low),
      close: cell(row, close),
      volume: cell(row, volume) || 0,
    });
  }
  return found;
}

/** A bar from open, high, low, close, volume, as a set of series brings them. */
export function candleOf(time: number, values: readonly (number | null)[]): Candle | null {
  const [open, high, low, close, volume] = values;
  if (close === null || close === undefined) return null;
  return { time, open: open ?? close, high: high ?? close, low: low ?? close, close, volume: volume ?? 0 };
}
