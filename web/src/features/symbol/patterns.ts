/** Abnormal patterns in words: what was measured against what. Careful ones: a shape is no proof of anything. */
import type { PatternItem } from "@/shared/api/types";
import type { Formats } from "@/shared/format/use";

export type PatternState = "present" | "absent" | "unknown";

type Say = (name: string) => string;

/** For somebody who has never met the pattern. */
const PLAIN: Record<string, string> = {
  volatility_burst: "The price has moved far more in the last minutes than it usually does.",
  volume_spike: "Far more was traded in the last minute than usual.",
  price_volume_divergence: "The price keeps moving one way while less and less is traded.",
  pump_and_dump: "The price rose fast on heavy trading and has lost most of that rise again.",
  quote_stuffing: "Orders are placed and withdrawn in a burst, with hardly a trade.",
  layering: "Many orders on one side were withdrawn together, with hardly a trade.",
};

const MEASURED: Record<string, (say: Say) => string> = {
  volatility_burst: (say) =>
    `A typical minute moved ${say("recent")} in the last 5 minutes against ${say("usual")} in the ${say("minutes")} minutes before: ${say("ratio")} the usual. The price changed by ${say("move")}.`,
  volume_spike: (say) =>
    `${say("volume")} traded in the minute against a mean of ${say("before")} in the minutes before (${say("times")}), ${say("deviations")} standard deviations from the usual.`,
  price_volume_divergence: (say) =>
    `The price changed by ${say("move")} over 30 minutes, ${say("trend")} what such steps make by chance, while volume went from ${say("earlier")} in the earlier half to ${say("later")} in the later one.`,
  pump_and_dump: (say) =>
    `A rise of ${say("rise")} in ${say("rise_minutes")} minutes, ${say("chance")} what chance makes of the steps before, on ${say("volume_ratio")} the volume a minute; ${say("given_back")} of it was gone ${say("fall_minutes")} minutes later.`,
  quote_stuffing: (say) =>
    `${say("changes")} changes of the book in a second against a mean of ${say("usual")} (${say("deviations")} standard deviations), ${say("added")} added and ${say("removed")} taken away, ${say("trades")} trades.`,
  layering: (say) =>
    `${say("placed")} placed behind the best ${say("side")} in 5 s against a usual ${say("usual")}; ${say("pulled")} of it was taken away in the next 5 s and ${say("traded")} traded.`,
};

export function plainWords(pattern: string): string {
  return PLAIN[pattern] ?? "The data of this instrument have an unusual shape.";
}

/** One sentence of the newest sign: what was measured, against what. Null for a pattern this page does not know. */
export function measuredWords(item: PatternItem, formats: Formats): string | null {
  const make = MEASURED[item.pattern];
  const { evidence } = item;
  if (!make || !evidence) return null;
  const units = new Map(evidence.numbers.map((one) => [one.name, one]));
  return make((name) => {
    const one = units.get(name);
    return one ? numberWords(name, one.value, one.unit, formats) : "—";
  });
}

export function numberWords(name: string, value: string | null, unit: string, formats: Formats): string {
  if (value === null) return "—";
  if (name === "side") return Number(value) === 0 ? "bid" : "ask";
  if (unit === "%") return formats.percent(value, { sign: name === "move", digits: smallest(value) });
  if (unit === "x") return `${formats.number(value, 1)}×`;
  if (unit === "units") return formats.number(value, Number(value) < 100 ? 2 : 0);
  return formats.number(value, 1);
}

/** A typical move of a minute is a few hundredths of a percent. */
const smallest = (value: string) => (Math.abs(Number(value)) < 0.1 ? 3 : 2);

/** From when to when, the date in front; the same date is not said twice. */
export function spanWords(start: string, end: string, formats: Formats): string {
  const isOneDay = formats.day(start) === formats.day(end);
  const until = isOneDay ? formats.clock(end) : `${formats.dayShort(end)}, ${formats.clock(end)}`;
  return `${formats.dayShort(start)}, ${formats.clock(start)} to ${until} ${formats.zoneWord}`;
}

/** A flag of the live row: 1 and true show, 0 and false do not, anything else is unknown. */
export function stateOfFlag(value: unknown): PatternState {
  if (value === 1 || value === true) return "present";
  return value === 0 || value === false ? "absent" : "unknown";
}

export const PATTERN_NAMES = Object.keys(PLAIN);
