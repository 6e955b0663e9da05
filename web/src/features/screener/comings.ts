/** Who came and who went between two lists of rows, for as long as that is shown. Pure. */

export type Mark = "enter" | "leave";

export interface Comings<T> {
  rows: T[];
  marks: ReadonlyMap<string, Mark>;
}

/** The new rows, with those that left still at their places. */
export function compare<T>(before: readonly T[], now: readonly T[], keyOf: (row: T) => string): Comings<T> {
  const old = new Set(before.map(keyOf));
  const kept = new Set(now.map(keyOf));
  const marks = new Map<string, Mark>();
  for (const row of now) if (!old.has(keyOf(row))) marks.set(keyOf(row), "enter");
  const rows = [...now];
  before.forEach((row, place) => {
    if (kept.has(keyOf(row))) return;
    marks.set(keyOf(row), "leave");
    rows.splice(Math.min(place, rows.length), 0, row);
  });
  return { rows, marks };
}

export interface Event {
  event: "enter" | "leave";
  instrument: string;
  at: string | number;
}

const eventKey = (one: Event) => `${one.event} ${one.instrument} ${one.at}`;

/** A room also says "update" where a member's values moved. */
export type Said = Omit<Event, "event"> & { event: string };

/** Who of `said` (the oldest first) came or went and is not known yet, the newest first. */
export function fresh(known: readonly Event[], said: readonly Said[]): Event[] {
  const seen = new Set(known.map(eventKey));
  return said
    .filter((one): one is Event => one.event === "enter" || one.event === "leave")
    .filter((one) => !seen.has(eventKey(one)))
    .reverse();
}

/** What a screen reader is told of entries: names while they are few, a number when they are many. */
export function entryWords(instruments: readonly string[], screen: string): string {
  const names = instruments.map((key) => key.split(":")[1] ?? key);
  if (names.length === 0) return "";
  if (names.length <= 3) return `${names.join(", ")} entered ${screen}.`;
  return `${names.length} companies entered ${screen}.`;
}
