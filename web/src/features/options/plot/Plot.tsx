/**
 * A small chart of our own: lines, dots and bars over a number axis, marks that stand upright, and a cross that reads
 * values by pointer or arrow keys.
 *
 * It is a slider to assistive technology: each step says the place and all values there. A figure's caption sums it
 * up, and the panel around it offers the same numbers as a table.
 */
import {
  type CSSProperties,
  type KeyboardEvent,
  useId,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import classes from "./Plot.module.css";
import { type Dot, decimalsOf, linear, nearest, pathOf, type Span, spanOf, ticks, valueAt } from "./scale";

export interface Line {
  id: string;
  name: string;
  color: string;
  dots: readonly Dot[];
  /** How it is drawn; "both" where each dot is a reading. */
  look?: "line" | "dots" | "both";
  dashed?: boolean;
  /** Fills between the line and zero: above it in the colour of gain, below it in that of loss. */
  fills?: boolean;
}

export interface Bars {
  id: string;
  name: string;
  color: string;
  dots: readonly Dot[];
}

export interface Mark {
  at: number;
  name: string;
  color?: string;
}

export interface Axis {
  title: string;
  /** `digits`: the decimals that tell the ticks apart. */
  format: (value: number, digits: number) => string;
  /** How a value is said in words where that differs from the ticks. */
  read?: (value: number) => string;
  span?: Span;
  /** Where the ticks stand; round numbers where it does not say. */
  ticks?: readonly number[];
}

interface Props {
  label: string;
  summary: string;
  x: Axis;
  y: Axis;
  lines?: readonly Line[];
  bars?: readonly Bars[];
  marks?: readonly Mark[];
  height?: number;
  /** The y axis holds zero, and a line stands there. */
  zero?: boolean;
}

const LEFT = 56;
const RIGHT = 14;
const TOP = 22;
const BOTTOM = 34;
const NONE: readonly never[] = [];
/** A mark's name takes about so much room; the next one that near goes a line lower. */
const NAME_PX = 7;
const WIDEST_BAR = 16;
/** A tick's words nearer to the edge than this would cross it. */
const EDGE = 16;

export function Plot(props: Props) {
  const { label, summary, x, y, lines = NONE, bars = NONE, marks = NONE, height = 260, zero = false } = props;
  const [box, width] = useWidth();
  const [at, setAt] = useState<number | null>(null);
  const clip = useId();
  const places = useMemo(() => placesOf(lines, bars), [lines, bars]);
  const spanX = x.span ?? spanOf(places);
  const spanY = useMemo(
    () => y.span ?? heightOf(lines, bars, spanX, zero),
    [y.span, lines, bars, spanX, zero],
  );
  const isDrawn = width > 80 && spanX !== null && spanY !== null;
  const index = at === null ? -1 : nearest(places, at);
  const place = places[index];

  const step = (by: number) => {
    const from = index < 0 ? nearest(places, middleOf(marks, spanX)) : index;
    const next = places[Math.max(0, Math.min(places.length - 1, from + by))];
    if (next !== undefined) setAt(next);
  };
  const onKey = (event: KeyboardEvent) => {
    const moves: Record<string, number> = {
      ArrowRight: 1,
      ArrowUp: 1,
      ArrowLeft: -1,
      ArrowDown: -1,
      PageUp: 10,
      PageDown: -10,
      Home: Number.NEGATIVE_INFINITY,
      End: Number.POSITIVE_INFINITY,
    };
    if (event.key === "Escape" && at !== null) setAt(null);
    else if (event.key in moves) step(moves[event.key] ?? 0);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const onPoint = (clientX: number) => {
    const left = box.current?.getBoundingClientRect().left ?? 0;
    if (!spanX) return;
    const value = spanX.low + ((clientX - left - LEFT) / (width - LEFT - RIGHT)) * (spanX.high - spanX.low);
    setAt(places[nearest(places, value)] ?? null);
  };

  const readX = x.read ?? ((value: number) => x.format(value, 0));
  const readY = y.read ?? ((value: number) => y.format(value, 0));
  const readings =
    place === undefined
      ? []
      : [...bars, ...lines]
          .map((one) => ({ one, value: valueAt(one.dots, place) }))
          .filter(({ value }) => value !== null);
  const words =
    place === undefined
      ? summary
      : [readX(place), ...readings.map(({ one, value }) => `${one.name} ${readY(value ?? 0)}`)].join(", ");

  return (
    <figure className={classes.figure}>
      <div
        ref={box}
        className={classes.box}
        style={{ height }}
        role="slider"
        tabIndex={0}
        aria-label={`${label}. Arrow keys read along it.`}
        aria-valuemin={0}
        aria-valuemax={Math.max(0, places.length - 1)}
        aria-valuenow={Math.max(0, index)}
        aria-valuetext={words}
        onKeyDown={onKey}
        onPointerMove={(event) => onPoint(event.clientX)}
        onPointerDown={(event) => onPoint(event.clientX)}
        onPointerLeave={(event) => event.pointerType === "mouse" && setAt(null)}
        onBlur={() => setAt(null)}
      >
        {isDrawn && (
          <Drawing
            {...{ x, y, lines, bars, marks, width, height, zero, spanX, spanY, clip, place }}
            readings={readings.map(({ one, value }) => ({ color: one.color, value: value ?? 0 }))}
          />
        )}
        {place !== undefined && isDrawn && (
          <div className={classes.readout} style={readoutStyle(place, spanX, width)} aria-hidden>
            <b className="num">{readX(place)}</b>
            {readings.map(({ one, value }) => (
              <span key={one.id}>
                <i style={{ background: one.color }} />
                {one.name} <b className="num">{readY(value ?? 0)}</b>
              </span>
            ))}
          </div>
        )}
      </div>
      <Legend items={[...bars, ...lines]} />
      <figcaption className="sr-only">{summary}</figcaption>
    </figure>
  );
}

interface DrawingProps {
  x: Axis;
  y: Axis;
  lines: readonly Line[];
  bars: readonly Bars[];
  marks: readonly Mark[];
  width: number;
  height: number;
  zero: boolean;
  spanX: Span;
  spanY: Span;
  clip: string;
  place: number | undefined;
  readings: { color: string; value: number }[];
}

function Drawing(props: DrawingProps) {
  const { x, y, lines, bars, marks, width, height, zero, spanX, spanY, clip, place, readings } = props;
  const toX = linear(spanX, LEFT, width - RIGHT);
  const toY = linear(spanY, height - BOTTOM, TOP);
  const bottom = height - BOTTOM;
  const level = toY(Math.max(spanY.low, Math.min(spanY.high, 0)));
  const ticksY = ticks(spanY, Math.max(2, Math.round((bottom - TOP) / 44)));
  const ticksX = x.ticks ?? ticks(spanX, Math.max(2, Math.round((width - LEFT - RIGHT) / 96)));
  const digitsY = decimalsOf(ticksY);
  return (
    <svg width={width} height={height} className={classes.drawing} aria-hidden="true">
      <clipPath id={clip}>
        <rect x={LEFT} y={TOP - 4} width={Math.max(0, width - LEFT - RIGHT)} height={bottom - TOP + 5} />
      </clipPath>
      <g className={classes.grid}>
        {ticksY.map((value) => (
          <g key={value}>
            <line x1={LEFT} x2={width - RIGHT} y1={toY(value)} y2={toY(value)} />
            <text x={LEFT - 8} y={toY(value) + 4} textAnchor="end">
              {y.format(value, digitsY)}
            </text>
          </g>
        ))}
        {ticksX.map((value) => (
          <text
            key={value}
            x={toX(value)}
            y={bottom + 16}
            textAnchor={toX(value) > width - RIGHT - EDGE ? "end" : "middle"}
          >
            {x.format(value, decimalsOf(ticksX))}
          </text>
        ))}
        <text x={width - RIGHT} y={bottom + 31} textAnchor="end" className={classes.axis}>
          {x.title}
        </text>
        <text x={0} y={11} className={classes.axis}>
          {y.title}
        </text>
      </g>
      {zero && <line x1={LEFT} x2={width - RIGHT} y1={level} y2={level} className={classes.zero} />}
      <g clipPath={`url(#${clip})`}>
        <BarShapes bars={bars} toX={toX} toY={toY} level={level} />
        {lines.map((line) => (
          <LineShape
            key={line.id}
            line={line}
            toX={toX}
            toY={toY}
            level={level}
            clip={clip}
            edges={[TOP, bottom, LEFT, width - RIGHT]}
          />
        ))}
      </g>
      <Marks marks={marks} spanX={spanX} toX={toX} bottom={bottom} width={width} />
      {place !== undefined && (
        <g>
          <line x1={toX(place)} x2={toX(place)} y1={TOP - 4} y2={bottom} className={classes.cross} />
          {readings.map(({ color, value }, order) => (
            <circle key={order} cx={toX(place)} cy={toY(value)} r="4" fill={color} className={classes.dot} />
          ))}
        </g>
      )}
    </svg>
  );
}

type Scale = (value: number) => number;

function BarShapes({
  bars,
  toX,
  toY,
  level,
}: {
  bars: readonly Bars[];
  toX: Scale;
  toY: Scale;
  level: number;
}) {
  const step = stepOf(bars);
  if (bars.length === 0) return null;
  const room = Math.max(1, (toX(step) - toX(0)) * 0.76);
  const each = Math.min(WIDEST_BAR, room / bars.length);
  return bars.map((set, order) => (
    <g key={set.id} fill={set.color}>
      {set.dots.map(([at, value]) => {
        if (value === null || value === 0) return null;
        const y = toY(value);
        return (
          <rect
            key={at}
            x={toX(at) + (order - bars.length / 2) * each}
            width={Math.max(1, each - 0.5)}
            y={Math.min(y, level)}
            height={Math.max(0.5, Math.abs(y - level))}
            rx={each > 5 ? 1.5 : 0}
          />
        );
      })}
    </g>
  ));
}

/** The usual distance of two bars: the smallest one, or everything where there is one bar. */
function stepOf(bars: readonly Bars[]): number {
  let least = Number.POSITIVE_INFINITY;
  for (const set of bars)
    for (let index = 1; index < set.dots.length; index += 1) {
      const gap = (set.dots[index]?.[0] ?? 0) - (set.dots[index - 1]?.[0] ?? 0);
      if (gap > 0 && gap < least) least = gap;
    }
  return Number.isFinite(least) ? least : 1;
}

function LineShape(props: {
  line: Line;
  toX: Scale;
  toY: Scale;
  level: number;
  clip: string;
  edges: [top: number, bottom: number, left: number, right: number];
}) {
  const { line, toX, toY, level, clip, edges } = props;
  const { look = "line" } = line;
  const path = look === "dots" ? "" : pathOf(line.dots, toX, toY);
  const known = line.dots.filter((dot): dot is readonly [number, number] => dot[1] !== null);
  const first = known[0];
  const last = known[known.length - 1];
  const [top, bottom, left, right] = edges;
  const area = first && last ? `${path}L${toX(last[0])} ${level}L${toX(first[0])} ${level}Z` : "";
  const key = `${clip}${line.id}`;
  return (
    <g>
      {line.fills && area && (
        <>
          <clipPath id={`${key}up`}>
            <rect x={left} y={top - 4} width={right - left} height={Math.max(0, level - top + 4)} />
          </clipPath>
          <clipPath id={`${key}down`}>
            <rect x={left} y={level} width={right - left} height={Math.max(0, bottom - level)} />
          </clipPath>
          <path d={area} fill="var(--mb-up)" opacity="0.16" clipPath={`url(#${key}up)`} />
          <path d={area} fill="var(--mb-down)" opacity="0.16" clipPath={`url(#${key}down)`} />
        </>
      )}
      {path && (
        <path
          d={path}
          fill="none"
          stroke={line.color}
          strokeWidth="2"
          strokeLinejoin="round"
          strokeLinecap="round"
          strokeDasharray={line.dashed ? "5 5" : undefined}
        />
      )}
      {look !== "line" &&
        known.map(([at, value]) => (
          <circle key={at} cx={toX(at)} cy={toY(value)} r={look === "both" ? 3.5 : 2.5} fill={line.color} />
        ))}
    </g>
  );
}

function Marks(props: { marks: readonly Mark[]; spanX: Span; toX: Scale; bottom: number; width: number }) {
  const { marks, spanX, toX, bottom, width } = props;
  const shown = marks
    .filter((mark) => mark.at >= spanX.low && mark.at <= spanX.high)
    .sort((a, b) => a.at - b.at);
  let edge = LEFT;
  let row = 0;
  return shown.map((mark, index) => {
    const x = toX(mark.at);
    const wide = mark.name.length * NAME_PX;
    const next = shown[index + 1];
    // A name stands right of its line unless the next line or the edge would cross it, and there is room to the left.
    const isCrossed = x + wide + 10 > (next ? toX(next.at) : width);
    const isLeft = isCrossed && (x - wide - 10 > edge || !next);
    const start = isLeft ? x - 5 - wide : x + 5;
    row = start < edge ? row + 1 : 0;
    edge = Math.max(edge, isLeft ? x : start + wide);
    return (
      <g
        key={`${mark.name}${mark.at}`}
        className={classes.mark}
        style={{ color: mark.color ?? "var(--mb-text-2)" }}
      >
        <line x1={x} x2={x} y1={TOP - 4} y2={bottom} />
        <text x={isLeft ? x - 5 : x + 5} y={TOP + 7 + row * 14} textAnchor={isLeft ? "end" : "start"}>
          {mark.name}
        </text>
      </g>
    );
  });
}

export function Legend({ items }: { items: readonly { id: string; name: string; color: string }[] }) {
  if (items.length < 2) return null;
  return (
    <ul className={classes.legend}>
      {items.map((one) => (
        <li key={one.id}>
          <i style={{ background: one.color }} aria-hidden /> {one.name}
        </li>
      ))}
    </ul>
  );
}

function placesOf(lines: readonly Line[], bars: readonly Bars[]): number[] {
  const found = new Set<number>();
  for (const one of [...lines, ...bars])
    for (const [at, value] of one.dots) if (value !== null) found.add(at);
  return [...found].sort((a, b) => a - b);
}

function heightOf(
  lines: readonly Line[],
  bars: readonly Bars[],
  spanX: Span | null,
  zero: boolean,
): Span | null {
  const inside = [...lines, ...bars].flatMap((one) =>
    one.dots
      .filter(([at]) => spanX === null || (at >= spanX.low && at <= spanX.high))
      .map(([, value]) => value),
  );
  const found = spanOf(zero || bars.length > 0 ? [...inside, 0] : inside);
  if (!found) return null;
  const room = (found.high - found.low) * 0.08;
  // Bars stand on the axis: below zero there is no room where there is no bar.
  const isFloor = bars.length > 0 && found.low === 0;
  return { low: isFloor ? 0 : found.low - room, high: found.high + room };
}

const middleOf = (marks: readonly Mark[], span: Span | null): number =>
  marks[0]?.at ?? (span ? (span.low + span.high) / 2 : 0);

function readoutStyle(place: number, span: Span, width: number): CSSProperties {
  const x = linear(span, LEFT, width - RIGHT)(place);
  return x > width / 2 ? { right: width - x + 10 } : { left: x + 10 };
}

function useWidth() {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const node = box.current;
    if (!node) return;
    const observer = new ResizeObserver(([entry]) => entry && setWidth(Math.floor(entry.contentRect.width)));
    observer.observe(node);
    setWidth(Math.floor(node.clientWidth));
    return () => observer.disconnect();
  }, []);
  return [box, width] as const;
}
