/** The indicators a chart can carry: their expressions in the rule language, their settings, where they are drawn. Pure. */
import type { Mode } from "@/shared/prefs/prefs";

export interface Setting {
  name: string;
  value: number;
  least: number;
  most: number;
  step: number;
}

export type Stroke = "line" | "histogram" | "dots";

/** One drawn line of an indicator. `color` is one of the chart's own hues. */
export interface Stripe {
  expression: string;
  title: string;
  stroke: Stroke;
  color: Hue;
}

export type Hue = "accent" | "blue" | "orange" | "green" | "red" | "quiet";

export interface Kind {
  id: string;
  label: string;
  /** For people who meet it for the first time. */
  words: string;
  place: "price" | "pane";
  settings: Setting[];
  stripes: (values: number[]) => Stripe[];
  /** Lines across the pane: overbought, oversold, zero. */
  levels?: number[];
  least: Mode;
}

const bars = (name: string, value: number, least = 1): Setting => ({
  name,
  value,
  least,
  most: 500,
  step: 1,
});
const factor = (name: string, value: number): Setting => ({ name, value, least: 0.1, most: 20, step: 0.1 });
const line = (expression: string, title: string, color: Hue, stroke: Stroke = "line"): Stripe => ({
  expression,
  title,
  color,
  stroke,
});

const average = (id: string, label: string, words: string, color: Hue, value: number, least: Mode): Kind => ({
  id,
  label,
  words,
  place: "price",
  settings: [bars("Bars", value)],
  stripes: ([n]) => [line(`${id}(close, ${n})`, `${id.toUpperCase()} ${n}`, color)],
  least,
});

const single = (
  id: string,
  label: string,
  words: string,
  value: number,
  expression: (n: number) => string,
  levels?: number[],
): Kind => ({
  id,
  label,
  words,
  place: "pane",
  settings: [bars("Bars", value, 2)],
  stripes: ([n]) => [line(expression(n ?? value), `${id.toUpperCase()} ${n}`, "blue")],
  ...(levels ? { levels } : {}),
  least: "intermediate",
});

export const KINDS: readonly Kind[] = [
  average(
    "sma",
    "Moving average",
    "The mean of the last closes: which way the price drifts.",
    "accent",
    20,
    "beginner",
  ),
  average(
    "ema",
    "Exponential average",
    "A moving average that gives newer closes more weight.",
    "blue",
    20,
    "intermediate",
  ),
  average(
    "wma",
    "Weighted average",
    "A moving average whose weights fall in a straight line.",
    "green",
    20,
    "advanced",
  ),
  {
    id: "bb",
    label: "Bollinger bands",
    words: "A moving average with two standard deviations above and below it.",
    place: "price",
    settings: [bars("Bars", 20, 2), factor("Deviations", 2)],
    stripes: ([n, k]) => [
      line(`bb(close, ${n}, ${k}).upper`, `BB ${n}, ${k} upper`, "quiet"),
      line(`bb(close, ${n}, ${k}).mid`, "mid", "orange"),
      line(`bb(close, ${n}, ${k}).lower`, "lower", "quiet"),
    ],
    least: "intermediate",
  },
  {
    id: "vwap",
    label: "VWAP",
    words: "The mean price of the session, weighted by volume.",
    place: "price",
    settings: [],
    stripes: () => [line("vwap()", "VWAP", "orange")],
    least: "beginner",
  },
  {
    id: "supertrend",
    label: "Supertrend",
    words: "A trailing line below a rising price and above a falling one.",
    place: "price",
    settings: [bars("Bars", 10), factor("Multiple", 3)],
    stripes: ([n, m]) => [line(`supertrend(${n}, ${m}).value`, `Supertrend ${n}, ${m}`, "green")],
    least: "intermediate",
  },
  {
    ...single(
      "rsi",
      "RSI",
      "Strength of rises against falls, 0 to 100. Over 70 is called overbought, under 30 oversold.",
      14,
      (n) => `rsi(close, ${n})`,
      [30, 70],
    ),
    least: "beginner",
  },
  {
    id: "macd",
    label: "MACD",
    words: "Difference of two exponential averages, its own average, and the gap between them.",
    place: "pane",
    settings: [bars("Fast", 12, 2), bars("Slow", 26, 2), bars("Signal", 9)],
    stripes: ([f, s, g]) => [
      line(`macd(close, ${f}, ${s}, ${g}).hist`, "Histogram", "quiet", "histogram"),
      line(`macd(close, ${f}, ${s}, ${g}).line`, `MACD ${f}, ${s}, ${g}`, "blue"),
      line(`macd(close, ${f}, ${s}, ${g}).signal`, "Signal", "orange"),
    ],
    levels: [0],
    least: "intermediate",
  },
  {
    id: "stoch",
    label: "Stochastic",
    words: "Where the close lies in the range of the last bars, 0 to 100.",
    place: "pane",
    settings: [bars("Bars", 14), bars("Smooth", 3), bars("D", 3)],
    stripes: ([k, s, d]) => [
      line(`stoch(${k}, ${s}, ${d}).k`, `%K ${k}, ${s}`, "blue"),
      line(`stoch(${k}, ${s}, ${d}).d`, `%D ${d}`, "orange"),
    ],
    levels: [20, 80],
    least: "intermediate",
  },
  single("atr", "ATR", "Average true range: how far the price moves in a bar.", 14, (n) => `atr(${n})`),
  {
    id: "adx",
    label: "ADX",
    words: "Strength of a trend, whichever way it goes, with the two directions.",
    place: "pane",
    settings: [bars("Bars", 14, 2)],
    stripes: ([n]) => [
      line(`adx(${n})`, `ADX ${n}`, "accent"),
      line(`adx(${n}).plus_di`, "+DI", "blue"),
      line(`adx(${n}).minus_di`, "−DI", "orange"),
    ],
    levels: [25],
    least: "intermediate",
  },
  single(
    "cci",
    "CCI",
    "Distance of the typical price from its mean, in mean deviations.",
    20,
    (n) => `cci(${n})`,
    [-100, 100],
  ),
  single("mfi", "Money flow", "RSI of price times volume, 0 to 100.", 14, (n) => `mfi(${n})`, [20, 80]),
  single(
    "roc",
    "Rate of change",
    "Change from some bars ago, in percent.",
    10,
    (n) => `roc(close, ${n})`,
    [0],
  ),
  {
    id: "obv",
    label: "On-balance volume",
    words: "Volume added on rises and taken off on falls.",
    place: "pane",
    settings: [],
    stripes: () => [line("obv()", "OBV", "blue")],
    least: "intermediate",
  },
  single(
    "hv",
    "Volatility",
    "Standard deviation of log returns, a year, in percent.",
    20,
    (n) => `hv(close, ${n})`,
  ),
];

const BY_ID = new Map(KINDS.map((kind) => [kind.id, kind]));
export const MOST_STUDIES = 6;
const MOST_TEXT = 200;

/** A chosen indicator with its settings, or an expression of one's own. */
export type Study = { kind: Kind; values: number[] } | { kind: null; expression: string };

/** `sma.20_rsi.14_x.zscore(close%2C 20)`: the address bar holds it, so a chart can be sent to somebody. */
export function writeStudies(studies: readonly Study[]): string | undefined {
  const words = studies.map((study) =>
    study.kind ? [study.kind.id, ...study.values].join("~") : `x~${encodeURIComponent(study.expression)}`,
  );
  return words.length ? words.join("|") : undefined;
}

/** What cannot be read is left out: an address may be old, or typed. */
export function readStudies(text: string | undefined): Study[] {
  const found: Study[] = [];
  for (const word of (text ?? "").split("|").slice(0, MOST_STUDIES)) {
    const [id, ...rest] = word.split("~");
    if (id === "x") {
      const expression = decode(rest.join("~")).trim();
      if (expression && expression.length <= MOST_TEXT && !expression.includes(";"))
        found.push({ kind: null, expression });
      continue;
    }
    const kind = BY_ID.get(id ?? "");
    if (!kind) continue;
    found.push({ kind, values: kind.settings.map((setting, at) => within(setting, Number(rest[at]))) });
  }
  return found;
}

function decode(word: string): string {
  try {
    return decodeURIComponent(word);
  } catch {
    return "";
  }
}

/** A setting's value inside its limits and on its step; its default where there is none. */
export function within(setting: Setting, value: number): number {
  if (!Number.isFinite(value) || value === 0) return setting.value;
  const held = Math.min(setting.most, Math.max(setting.least, value));
  return setting.step >= 1 ? Math.round(held) : Math.round(held * 10) / 10;
}

export function stripesOf(study: Study): Stripe[] {
  return study.kind ? study.kind.stripes(study.values) : [line(study.expression, study.expression, "accent")];
}

export function titleOf(study: Study): string {
  if (!study.kind) return study.expression;
  return [study.kind.label, study.values.join(", ")].filter(Boolean).join(" ");
}

/** `type` is what the server says of an expression without a place of its own: prices lie on the price. */
export function isOverPrice(study: Study, type: string | undefined): boolean {
  return study.kind ? study.kind.place === "price" : type === "price";
}
