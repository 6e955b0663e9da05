/** Numbers on screen: sign and arrow first, colour third; a missing value says why. */
import { Tooltip } from "@mantine/core";
import { type ReactNode, useEffect, useRef } from "react";
import { ARROW, directionOf, isKnown, MISSING, type Numeric } from "@/shared/format/numbers";
import { useFormats } from "@/shared/format/use";
import { useQuote } from "@/shared/live/hooks";
import classes from "./values.module.css";

const WORDS = { up: "up", down: "down", flat: "unchanged", unknown: "unknown" } as const;

export function Missing({ why = "Not known yet" }: { why?: string }) {
  return (
    <Tooltip label={why}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the reason must be reachable by keyboard */}
      <span className="faint" tabIndex={0}>
        {MISSING}
        <span className="sr-only"> {why}</span>
      </span>
    </Tooltip>
  );
}

export function ChangeText({
  value,
  digits = 2,
  unit = "%",
}: {
  value: Numeric;
  digits?: number;
  unit?: "%" | "";
}) {
  const formats = useFormats();
  if (!isKnown(value)) return <span className="faint">{MISSING}</span>;
  // What is shown decides: a fall that rounds to 0.00 points nowhere.
  const direction = directionOf(Number(value).toFixed(digits));
  return (
    <span className={`num ${direction}`}>
      <span className={classes.arrow} aria-hidden>
        {ARROW[direction]}
      </span>
      <span className="sr-only">{WORDS[direction]} </span>
      {unit === "%" ? formats.percent(value, { digits }) : formats.signed(value, digits)}
    </span>
  );
}

/** Marks a change for at most half a second; reduced motion switches it off by CSS. */
export function Flash({ value, children }: { value: Numeric; children: ReactNode }) {
  const ref = useRef<HTMLSpanElement>(null);
  const before = useRef<Numeric>(value);
  useEffect(() => {
    const node = ref.current;
    const old = before.current;
    before.current = value;
    if (!node || !isKnown(old) || !isKnown(value) || Number(old) === Number(value)) return;
    const name = Number(value) > Number(old) ? classes.flashUp : classes.flashDown;
    if (!name) return;
    node.classList.remove(classes.flashUp ?? "", classes.flashDown ?? "");
    // Reading a size restarts the animation.
    void node.offsetWidth;
    node.classList.add(name);
  }, [value]);
  return (
    <span ref={ref} className={`num ${classes.flash}`}>
      {children}
    </span>
  );
}

export function LivePrice({
  instrument,
  tick,
  field = "close",
}: {
  instrument: string;
  tick?: Numeric;
  field?: string;
}) {
  const value = useQuote(instrument)[field];
  const formats = useFormats();
  return (
    <Flash value={value}>
      <span>{formats.price(value, tick)}</span>
    </Flash>
  );
}

export function LiveChange({ instrument, digits = 2 }: { instrument: string; digits?: number }) {
  return <ChangeText value={useQuote(instrument).change_pct} digits={digits} />;
}

export function LiveCount({ instrument, field = "volume" }: { instrument: string; field?: string }) {
  const row = useQuote(instrument);
  const formats = useFormats();
  return (
    <span className="num">
      {formats.compact(row[field] ?? (field === "volume" ? row["day.volume"] : null))}
    </span>
  );
}

/** Where a value stands between a low and a high, with words for those who do not see it. */
export function RangeBar(props: {
  low: Numeric;
  high: Numeric;
  value: Numeric;
  tick?: Numeric;
  label: string;
  showEnds?: boolean;
}) {
  const { low, high, value, tick, label, showEnds } = props;
  const formats = useFormats();
  if (!isKnown(low) || !isKnown(high)) return <span className="faint">{MISSING}</span>;
  const span = Number(high) - Number(low);
  const share =
    isKnown(value) && span > 0 ? Math.min(1, Math.max(0, (Number(value) - Number(low)) / span)) : null;
  const words = `${label}: ${formats.price(low, tick)} to ${formats.price(high, tick)}`;
  return (
    <span className={classes.range} title={words}>
      <span className="sr-only">{words}</span>
      {showEnds && (
        <span className={`${classes.end} num`} aria-hidden>
          {formats.price(low, tick)}
        </span>
      )}
      <span className={classes.track} aria-hidden>
        {share !== null && <i style={{ left: `${share * 100}%` }} />}
      </span>
      {showEnds && (
        <span className={`${classes.end} num`} aria-hidden>
          {formats.price(high, tick)}
        </span>
      )}
    </span>
  );
}

/** A line of closes. Decorative: the numbers beside it say the same. */
export function Sparkline({
  points,
  width = 120,
  height = 32,
  base,
}: {
  points: number[];
  width?: number;
  height?: number;
  base?: number | null;
}) {
  if (points.length < 2) return <svg width={width} height={height} aria-hidden="true" />;
  const low = Math.min(...points, base ?? Number.POSITIVE_INFINITY);
  const high = Math.max(...points, base ?? Number.NEGATIVE_INFINITY);
  const span = high - low || 1;
  const x = (index: number) => (index / (points.length - 1)) * (width - 2) + 1;
  const y = (value: number) => height - 2 - ((value - low) / span) * (height - 4);
  const line = points
    .map((value, index) => `${index ? "L" : "M"}${x(index).toFixed(1)} ${y(value).toFixed(1)}`)
    .join("");
  const last = points[points.length - 1] ?? 0;
  const tone = last >= (base ?? points[0] ?? 0) ? "var(--mb-up)" : "var(--mb-down)";
  return (
    <svg
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      className={classes.spark}
      aria-hidden="true"
    >
      {base !== null && base !== undefined && (
        <line
          x1="0"
          x2={width}
          y1={y(base)}
          y2={y(base)}
          stroke="var(--mb-line-strong)"
          strokeDasharray="2 3"
          strokeWidth="1"
          opacity="0.6"
        />
      )}
      <path d={`${line}L${x(points.length - 1)} ${height}L1 ${height}Z`} fill={tone} opacity="0.09" />
      <path d={line} fill="none" stroke={tone} strokeWidth="1.5" strokeLinejoin="round" />
    </svg>
  );
}
