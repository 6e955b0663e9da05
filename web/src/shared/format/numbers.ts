/**
 * Numbers as people read them. Values come as decimal strings (REST) or JSON numbers (live frames);
 * `Intl` formats decimal strings without passing through floats.
 */
import type { Numbers } from "@/shared/prefs/prefs";

export type Numeric = number | string | null | undefined;

export const MISSING = "—";
const MINUS = "\u2212";

const cache = new Map<string, Intl.NumberFormat>();

function formatter(locale: Numbers, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = locale + JSON.stringify(options);
  let found = cache.get(key);
  if (!found) {
    found = new Intl.NumberFormat(locale, options);
    cache.set(key, found);
  }
  return found;
}

/** True for a value that can be shown: not null, not empty, finite. */
export function isKnown(value: Numeric): value is number | string {
  return value !== null && value !== undefined && value !== "" && Number.isFinite(Number(value));
}

function render(value: Numeric, locale: Numbers, options: Intl.NumberFormatOptions): string {
  if (!isKnown(value)) return MISSING;
  const text = formatter(locale, { signDisplay: "negative", ...options }).format(
    value as Intl.StringNumericLiteral,
  );
  return text.replace("-", MINUS);
}

/** Decimals that a price step needs: 0.05 → 2, 0.0001 → 4, 1 → 0, unknown → 2. */
export function decimalsOf(tickSize: Numeric): number {
  if (!isKnown(tickSize) || Number(tickSize) <= 0) return 2;
  const text = String(Number(tickSize));
  const exponent = /e-(\d+)$/.exec(text);
  if (exponent) return Number(exponent[1]);
  return text.split(".")[1]?.length ?? 0;
}

export function price(value: Numeric, locale: Numbers, tickSize?: Numeric): string {
  // A step of 1 or 0.5 still shows two decimals: prices of one column stay aligned.
  const digits = Math.max(2, decimalsOf(tickSize));
  return render(value, locale, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

export function signed(value: Numeric, locale: Numbers, digits = 2): string {
  return render(value, locale, {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
    signDisplay: "exceptZero",
  });
}

/** Percentage points with sign: 1.2 → "+1.20 %". */
export function percent(
  value: Numeric,
  locale: Numbers,
  options: { sign?: boolean; digits?: number } = {},
): string {
  const { sign = true, digits = 2 } = options;
  if (!isKnown(value)) return MISSING;
  const text = sign ? signed(value, locale, digits) : number(value, locale, digits, digits);
  return `${text}%`;
}

export function count(value: Numeric, locale: Numbers): string {
  return render(value, locale, { maximumFractionDigits: 0 });
}

export function number(value: Numeric, locale: Numbers, maximum = 2, minimum = 0): string {
  return render(value, locale, { maximumFractionDigits: maximum, minimumFractionDigits: minimum });
}

const CRORE = 1e7;
const CRORE_WHOLE_FROM = 1000;

/** 12345678 → 1.23Cr (en-IN) or 12.35M (en-US); small counts stay whole. */
export function compact(value: Numeric, locale: Numbers): string {
  if (isKnown(value) && Math.abs(Number(value)) < 1000) return number(value, locale);
  return short(value, locale, {});
}

/** Large sums of money: ₹98,765Cr or ₹987.65B. */
export function money(value: Numeric, locale: Numbers, currency = "INR"): string {
  return short(value, locale, {
    style: "currency",
    currency: currency || "INR",
    currencyDisplay: "narrowSymbol",
    minimumFractionDigits: 0,
  });
}

function short(value: Numeric, locale: Numbers, style: Intl.NumberFormatOptions): string {
  // Intl says "98.77KCr" and "1.2LCr"; people in India say 98,765 crore.
  if (isKnown(value) && locale === "en-IN" && Math.abs(Number(value)) >= CRORE) {
    const crores = Number(value) / CRORE;
    const digits = Math.abs(crores) < CRORE_WHOLE_FROM ? 2 : 0;
    return `${render(crores, locale, { ...style, maximumFractionDigits: digits })}Cr`;
  }
  return render(value, locale, { ...style, notation: "compact", maximumFractionDigits: 2 });
}

/** What a person types into a number field: "1,600", "2.5cr", "10l", "3m", "4k". Null when it is no number. */
export function parseNumber(text: string): number | null {
  const match = /^\s*([+\-\u2212]?)\s*([\d,\s]*\.?\d+)\s*(k|l|lakh|cr|crore|m|b)?\s*$/i.exec(text);
  if (!match) return null;
  const scale: Record<string, number> = { k: 1e3, l: 1e5, lakh: 1e5, cr: 1e7, crore: 1e7, m: 1e6, b: 1e9 };
  const digits = Number((match[2] ?? "").replace(/[,\s]/g, ""));
  if (!Number.isFinite(digits)) return null;
  const size = digits * (scale[(match[3] ?? "").toLowerCase()] ?? 1);
  return match[1] && match[1] !== "+" ? -size : size;
}

export type Direction = "up" | "down" | "flat" | "unknown";

export function directionOf(value: Numeric): Direction {
  if (!isKnown(value)) return "unknown";
  const amount = Number(value);
  return amount > 0 ? "up" : amount < 0 ? "down" : "flat";
}

export const ARROW: Record<Direction, string> = { up: "▲", down: "▼", flat: "■", unknown: "" };
