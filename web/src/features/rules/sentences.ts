/**
 * Sentences with blanks: each pattern says which form it stands for, and reads that form back. A form that no
 * pattern reads is not lost: its page shows the server's own sentence instead. Pure.
 */
import type { Cond, RuleForm, Scope, Timing } from "@/shared/api/ruleTypes";
import { type Choice, closeOf, scopeWords, TICK, timingWord } from "./forms";

export interface Blank {
  name: string;
  /** What a screen reader calls it. */
  label: string;
  kind: "choice" | "number" | "level";
  choices?: readonly Choice[];
  start: string;
  unit?: string;
}

export type Values = Readonly<Record<string, string>>;

interface Meaning {
  when: Cond;
  at: Timing | null;
}

export interface Pattern {
  id: string;
  /** Its name in the list of what can be watched. */
  what: string;
  /** Words and blanks, after the instrument. */
  pieces: readonly (string | Blank)[];
  often: string;
  meaning: (values: Values) => Meaning;
  read: (when: Cond, at: Timing | null) => Values | null;
  title: (values: Values) => string;
}

const choice = (name: string, label: string, choices: readonly Choice[], start?: string): Blank => ({
  name,
  label,
  kind: "choice",
  choices,
  start: start ?? choices[0]?.value ?? "",
});
const number = (name: string, label: string, start: string, unit?: string): Blank => ({
  name,
  label,
  kind: "number",
  start,
  ...(unit ? { unit } : {}),
});
const ways = (above: string, below: string): readonly Choice[] => [
  { value: "above", label: above },
  { value: "below", label: below },
];
const frames: readonly Choice[] = [
  { value: "5m", label: "5-minute" },
  { value: "15m", label: "15-minute" },
  { value: "1h", label: "hourly" },
  { value: "1d", label: "daily" },
];
const spans: readonly Choice[] = [
  { value: "5m", label: "5 minutes" },
  { value: "10m", label: "10 minutes" },
  { value: "30m", label: "30 minutes" },
  { value: "1h", label: "an hour" },
];

const NUMBER = String.raw`(\d+(?:\.\d+)?)`;
const match = (text: string, pattern: string): string[] | null => {
  const found = new RegExp(`^${pattern}$`).exec(text.trim());
  return found ? found.slice(1).map((one) => one ?? "") : null;
};
const isAt = (timing: Timing | null, ...words: string[]) => words.includes(timingWord(timing));
const crosses = (direction: string, left: string, right: string): Cond => ({
  op: "crosses",
  direction: direction === "below" ? "below" : "above",
  left,
  right,
});

/** The two sides of a cross with a direction, matched; the captures of both, the direction first. */
function readCross(when: Cond, left: string, right: string): string[] | null {
  if (when.op !== "crosses" || when.direction === "either") return null;
  const a = match(when.left, left);
  const b = match(when.right, right);
  return a && b ? [when.direction, ...a, ...b] : null;
}

export const PATTERNS: readonly Pattern[] = [
  {
    id: "price",
    what: "the price",
    pieces: [
      choice("way", "What the price does", ways("crosses above", "crosses below")),
      { name: "level", label: "Level", kind: "level", start: "" },
    ],
    often: "once",
    meaning: ({ way, level }) => ({ when: crosses(way ?? "", "close", level ?? ""), at: TICK }),
    read: (when, at) => {
      const found = isAt(at, "tick", "") ? readCross(when, "close", NUMBER) : null;
      return found && { way: found[0] ?? "", level: found[1] ?? "" };
    },
    title: ({ way, level }) => `${way} ${level}`,
  },
  {
    id: "change",
    what: "the day’s change",
    pieces: [
      choice("way", "What the change does", ways("rises above +", "falls below −")),
      number("by", "Percent", "3", "%"),
    ],
    often: "once per day",
    meaning: ({ way, by }) => ({
      when: crosses(way ?? "", "change_pct", way === "below" ? `-${by}%` : `${by}%`),
      at: TICK,
    }),
    read: (when, at) => {
      if (!isAt(at, "tick", "")) return null;
      const up = readCross(when, "change_pct", `${NUMBER}%?`);
      if (up?.[0] === "above") return { way: "above", by: up[1] ?? "" };
      const down = readCross(when, "change_pct", `-${NUMBER}%?`);
      return down?.[0] === "below" ? { way: "below", by: down[1] ?? "" } : null;
    },
    title: ({ way, by }) => (way === "below" ? `down ${by}% today` : `up ${by}% today`),
  },
  {
    id: "move",
    what: "a fast move:",
    pieces: [
      choice("verb", "Which way", [
        { value: "moves", label: "up or down" },
        { value: "rises", label: "up" },
        { value: "falls", label: "down" },
      ]),
      number("by", "Percent", "2", "%"),
      "within",
      choice("within", "How fast", spans, "10m"),
    ],
    often: "15m",
    meaning: ({ verb, by, within }) => ({
      when: {
        op: "moves",
        verb: verb === "rises" || verb === "falls" ? verb : "moves",
        of: "close",
        by: `${by}%`,
        within: within ?? "10m",
      },
      at: TICK,
    }),
    read: (when, at) => {
      if (when.op !== "moves" || when.of !== "close" || !isAt(at, "tick", "")) return null;
      const by = match(when.by, `${NUMBER}%`);
      return by && spans.some((span) => span.value === when.within)
        ? { verb: when.verb, by: by[0] ?? "", within: when.within }
        : null;
    },
    title: ({ verb, by, within }) => `${verb} ${by}% in ${within}`,
  },
  {
    id: "volume",
    what: "the day’s volume",
    pieces: ["passes", number("times", "Times", "2"), "times its 20-day average"],
    often: "once per day",
    meaning: ({ times }) => ({
      when: crosses("above", "day.volume", `${times} * sma(volume, 20)@1d`),
      at: TICK,
    }),
    read: (when, at) => {
      const found = isAt(at, "tick")
        ? readCross(when, "(?:day\\.)?volume", `${NUMBER} \\* sma\\(volume, 20\\)@1d`)
        : null;
      return found?.[0] === "above" ? { times: found[1] ?? "" } : null;
    },
    title: ({ times }) => `volume ${times} times usual`,
  },
  {
    id: "year",
    what: "a new 52-week",
    pieces: [choice("end", "High or low", [high("high"), high("low")])],
    often: "once per day",
    meaning: ({ end }) => ({
      when:
        end === "low"
          ? crosses("below", "close", "lowest(low, 252)@1d")
          : crosses("above", "close", "highest(high, 252)@1d"),
      at: TICK,
    }),
    read: (when, at) => {
      if (!isAt(at, "tick")) return null;
      if (readCross(when, "close", "highest\\(high, 252\\)@1d")?.[0] === "above") return { end: "high" };
      if (readCross(when, "close", "lowest\\(low, 252\\)@1d")?.[0] === "below") return { end: "low" };
      return null;
    },
    title: ({ end }) => `52-week ${end}`,
  },
  {
    id: "rsi",
    what: "RSI 14",
    pieces: [
      "of",
      choice("frame", "Bars", frames, "1d"),
      "bars",
      choice("way", "What RSI does", ways("crosses above", "crosses below"), "below"),
      number("level", "Level", "30"),
    ],
    often: "once per day",
    meaning: ({ way, frame, level }) => ({
      when: crosses(way ?? "", `rsi(close, 14)@${frame}`, level ?? ""),
      at: closeOf(frame ?? "1d"),
    }),
    read: (when, at) => {
      const found = readCross(when, "rsi\\(close, 14\\)(?:@(\\w+))?", NUMBER);
      const frame = found?.[1] || at?.timeframe;
      if (!found || !frame || !isAt(at, `close ${frame}`)) return null;
      return frames.some((one) => one.value === frame)
        ? { way: found[0] ?? "", frame, level: found[2] ?? "" }
        : null;
    },
    title: ({ way, level, frame }) => `RSI ${way} ${level} (${frame})`,
  },
  {
    id: "average",
    what: "the price",
    pieces: [
      choice("way", "What the price does", ways("crosses above", "crosses below")),
      "its",
      number("bars", "Days", "50"),
      "-day average",
    ],
    often: "once per day",
    meaning: ({ way, bars }) => ({ when: crosses(way ?? "", "close", `sma(close, ${bars})@1d`), at: TICK }),
    read: (when, at) => {
      const found = isAt(at, "tick") ? readCross(when, "close", "sma\\(close, (\\d+)\\)@1d") : null;
      return found && { way: found[0] ?? "", bars: found[1] ?? "" };
    },
    title: ({ way, bars }) => `${way} its ${bars}-day average`,
  },
  {
    id: "averages",
    what: "its averages:",
    pieces: [
      "the",
      number("short", "Days of the short average", "50"),
      "-day",
      choice("way", "What it does", ways("crosses above", "crosses below")),
      "the",
      number("long", "Days of the long average", "200"),
      "-day",
    ],
    often: "once per day",
    meaning: ({ short, way, long }) => ({
      when: crosses(way ?? "", `sma(close, ${short})@1d`, `sma(close, ${long})@1d`),
      at: closeOf("1d"),
    }),
    read: (when, at) => {
      const found = isAt(at, "close 1d")
        ? readCross(when, "sma\\(close, (\\d+)\\)(?:@1d)?", "sma\\(close, (\\d+)\\)(?:@1d)?")
        : null;
      return found && { way: found[0] ?? "", short: found[1] ?? "", long: found[2] ?? "" };
    },
    title: ({ way, short, long }) => `${short}-day average ${way} ${long}-day`,
  },
  {
    id: "range",
    what: "the opening range:",
    pieces: [
      "the price",
      choice("way", "What the price does", ways("breaks above", "breaks below")),
      "that of the first",
      choice("span", "Minutes", [
        { value: "15m", label: "15 minutes" },
        { value: "30m", label: "30 minutes" },
        { value: "1h", label: "hour" },
      ]),
    ],
    often: "once per day",
    meaning: ({ way, span }) => ({
      when: crosses(way ?? "", "close", `orb(${span}).${way === "below" ? "low" : "high"}`),
      at: closeOf("5m"),
    }),
    read: (when, at) => {
      const found = isAt(at, "close 5m")
        ? readCross(when, "close", "orb\\((15m|30m|1h)\\)\\.(high|low)")
        : null;
      if (!found || (found[0] === "above") !== (found[2] === "high")) return null;
      return { way: found[0] ?? "", span: found[1] ?? "" };
    },
    title: ({ way, span }) => `opening range ${span} ${way}`,
  },
];

function high(end: string): Choice {
  return { value: end, label: end };
}

/** How the list calls a pattern: "the price" stands twice, each with what follows. */
export const patternName = (pattern: Pattern): string =>
  ({
    price: "the price: a level",
    average: "the price: its average",
    averages: "two averages cross",
    change: "the day’s change",
    move: "a fast move",
    volume: "the day’s volume",
    year: "a 52-week high or low",
    rsi: "RSI (how fast it rose or fell)",
    range: "the opening range",
  })[pattern.id] ?? pattern.what;

export const patternOf = (id: string): Pattern | undefined => PATTERNS.find((one) => one.id === id);

export function startValues(pattern: Pattern): Values {
  return Object.fromEntries(
    pattern.pieces.flatMap((piece) => (typeof piece === "string" ? [] : [[piece.name, piece.start]])),
  );
}

export const isFilled = (pattern: Pattern, values: Values): boolean =>
  pattern.pieces.every((piece) => typeof piece === "string" || (values[piece.name] ?? "") !== "");

/** How often it may tell: a clause or two, each under one word. */
export const OFTEN: readonly (Choice & { fire: string | null; cooldown: string | null })[] = [
  { value: "once", label: "once", fire: "once", cooldown: null },
  { value: "once per day", label: "once a day", fire: "once per day", cooldown: null },
  { value: "15m", label: "every time, 15 minutes apart", fire: null, cooldown: "15m" },
  { value: "1h", label: "every time, an hour apart", fire: null, cooldown: "1h" },
];

export function oftenOf(form: RuleForm): string | null {
  const found = OFTEN.find(
    (one) =>
      one.fire === form.fire &&
      one.cooldown === (form.cooldown?.duration ?? null) &&
      (form.cooldown === null || form.cooldown.per === "symbol"),
  );
  return found?.value ?? null;
}

export interface Reading {
  pattern: Pattern;
  values: Values;
  scope: Scope;
  often: string;
}

/** What is being filled in: a sentence that may still have empty blanks. */
export type Filling = Omit<Reading, "scope"> & { scope: Scope | null };

/** The form as a sentence with blanks; null where it says more than one can hold. */
export function readSentence(form: RuleForm): Reading | null {
  const [scope, ...more] = form.on;
  const often = oftenOf(form);
  const holds =
    form.where === null && form.hold === null && form.rearm === null && form.session === null && !form.action;
  if (!scope || more.length > 0 || often === null || !holds) return null;
  for (const pattern of PATTERNS) {
    const values = pattern.read(form.when, form.at);
    if (values) return { pattern, values, scope, often };
  }
  return null;
}

/** The form with what a sentence says; its other clauses stay. */
export function writeSentence(
  form: RuleForm,
  reading: Omit<Reading, "scope"> & { scope: Scope | null },
): RuleForm {
  const { when, at } = reading.pattern.meaning(reading.values);
  const often = OFTEN.find((one) => one.value === reading.often) ?? OFTEN[0];
  return {
    ...form,
    on: reading.scope ? [reading.scope] : [],
    when,
    at,
    fire: often?.fire ?? null,
    cooldown: often?.cooldown ? { duration: often.cooldown, per: "symbol" } : null,
    name: nameFor(form, reading),
  };
}

/** A name that says what the sentence says follows it; a name of one's own stays. */
function nameFor(form: RuleForm, next: Filling): string {
  const before = readSentence(form);
  const isOwn = form.name !== "" && (!before || plain(form.name) !== plain(titleOf(before)));
  if (isOwn) return form.name;
  return next.scope ? titleOf({ ...next, scope: next.scope }) : "";
}

/** 502.00 and 502 are one number. */
const plain = (name: string) => name.replace(/\d+(?:\.\d+)?/g, (found) => String(Number(found)));

export function titleOf({ pattern, values, scope }: Omit<Reading, "often">): string {
  const who = scopeWords(scope);
  return `${who.charAt(0).toUpperCase()}${who.slice(1)} ${pattern.title(values)}`;
}

export interface Template {
  id: string;
  name: string;
  words: string;
  pattern: string;
  values: Values;
}

/** Rules that people begin with. Each is a sentence with its blanks filled. */
export const TEMPLATES: readonly Template[] = [
  {
    id: "price-level",
    name: "Price level",
    words: "The price goes through a level of yours.",
    pattern: "price",
    values: { way: "above" },
  },
  {
    id: "fast-move",
    name: "Fast move",
    words: "2% up or down within ten minutes.",
    pattern: "move",
    values: { verb: "moves", by: "2", within: "10m" },
  },
  {
    id: "year-high",
    name: "52-week high",
    words: "Higher than on any day of the last year.",
    pattern: "year",
    values: { end: "high" },
  },
  {
    id: "volume-shocker",
    name: "Volume shocker",
    words: "Three times the volume of a usual day.",
    pattern: "volume",
    values: { times: "3" },
  },
  {
    id: "rsi-oversold",
    name: "RSI oversold",
    words: "It fell fast: RSI 14 goes under 30.",
    pattern: "rsi",
    values: { way: "below", frame: "1d", level: "30" },
  },
  {
    id: "golden-cross",
    name: "Golden cross",
    words: "The 50-day average rises over the 200-day one.",
    pattern: "averages",
    values: { way: "above", short: "50", long: "200" },
  },
  {
    id: "opening-range",
    name: "Opening range",
    words: "Out of the range of the first 15 minutes.",
    pattern: "range",
    values: { way: "above", span: "15m" },
  },
];
