/** REST rows into the quote store, so that cells show values before the first live frame. */
import type { Stock } from "@/shared/api/types";
import { quotes } from "./hooks";
import type { Value } from "./quotes";

/** Flat registry names of one REST stock. */
export function flatten(stock: Stock): Record<string, Value> {
  const flat: Record<string, Value> = {};
  for (const [name, value] of Object.entries(stock)) {
    if (value !== null && typeof value === "object") {
      const prefix = name === "day" || name === "fund" ? `${name}.` : "";
      for (const [inner, one] of Object.entries(value as Record<string, Value>)) flat[prefix + inner] = one;
    } else flat[name] = value as Value;
  }
  flat["prev_day.close"] = (stock.prev_close as Value) ?? null;
  if (stock.as_of) flat.event_time = Date.parse(stock.as_of) * 1e6;
  return flat;
}

/** Only for instruments that no live frame has filled yet: a REST answer is never newer than the room. */
export function seed(stocks: readonly Stock[] | undefined): void {
  for (const stock of stocks ?? []) {
    const flat = flatten(stock);
    const known = quotes.get(stock.instrument);
    const older =
      known.event_time !== undefined && Number(known.event_time ?? 0) > Number(flat.event_time ?? 0);
    quotes.merge(stock.instrument, older ? { ...flat, ...known } : flat);
  }
}
