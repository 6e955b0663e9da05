/** The surface in space: drag or arrow keys turn it. A canvas of our own, drawn only when it turns. */
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { useScheme } from "@/shared/chart/look";
import { useFormats } from "@/shared/format/use";
import classes from "./options.module.css";
import { spanOf } from "./plot/scale";
import { cellsOf, MOST_TILT, project, START, unit, type View3 } from "./project";
import { mix } from "./ramp";
import type { Grid } from "./types";

const HEIGHT = 440;
const STEPS = 32;
const KEY_TURN = 0.12;
const DRAG_TURN = 0.008;

export default function Surface3D({ grid, symbol }: { grid: Grid; symbol: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [view, setView] = useState<View3>(START);
  const [width, setWidth] = useState(0);
  const drag = useRef<{ x: number; y: number } | null>(null);
  const scheme = useScheme();
  const formats = useFormats();

  useEffect(() => {
    const node = canvas.current?.parentElement;
    if (!node) return;
    const observer = new ResizeObserver(([entry]) => entry && setWidth(Math.floor(entry.contentRect.width)));
    observer.observe(node);
    setWidth(Math.floor(node.clientWidth));
    return () => observer.disconnect();
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another scheme has other colours
  useEffect(() => {
    const node = canvas.current;
    if (!node || width < 40) return;
    const ratio = window.devicePixelRatio || 1;
    node.width = width * ratio;
    node.height = HEIGHT * ratio;
    const pen = node.getContext("2d");
    if (!pen) return;
    pen.scale(ratio, ratio);
    draw(pen, node, grid, view, width, formats.dayShort, (value) => formats.percent(value, { digits: 0 }));
  }, [grid, view, width, scheme, formats]);

  const turn = (by: Partial<View3>) =>
    setView((old) => ({
      turn: old.turn + (by.turn ?? 0),
      tilt: Math.max(0, Math.min(MOST_TILT, old.tilt + (by.tilt ?? 0))),
    }));
  const onKey = (event: KeyboardEvent) => {
    const moves: Record<string, Partial<View3>> = {
      ArrowLeft: { turn: -KEY_TURN },
      ArrowRight: { turn: KEY_TURN },
      ArrowUp: { tilt: KEY_TURN },
      ArrowDown: { tilt: -KEY_TURN },
    };
    const move = moves[event.key];
    if (event.key === "Home") setView(START);
    else if (move) turn(move);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const span = spanOf(grid.iv.flat());
  return (
    <figure className={classes.figure}>
      {/* biome-ignore lint/a11y/useSemanticElements: a drawing is no fieldset */}
      <div
        role="group"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it takes keys of its own
        tabIndex={0}
        aria-label={`Volatility surface of ${symbol} in space. Arrow keys turn it, Home turns it back.`}
        className={classes.space}
        onKeyDown={onKey}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          drag.current = { x: event.clientX, y: event.clientY };
        }}
        onPointerMove={(event) => {
          const from = drag.current;
          if (!from) return;
          turn({ turn: (event.clientX - from.x) * -DRAG_TURN, tilt: (event.clientY - from.y) * DRAG_TURN });
          drag.current = { x: event.clientX, y: event.clientY };
        }}
        onPointerUp={() => {
          drag.current = null;
        }}
        onPointerCancel={() => {
          drag.current = null;
        }}
      >
        <canvas ref={canvas} style={{ width: "100%", height: HEIGHT, display: "block" }} />
      </div>
      <figcaption className={classes.small}>
        {span
          ? `From ${formats.number(span.low, 1)} to ${formats.number(span.high, 1)} % a year. Left to right: strike against the forward; front to back: expiry. The heat map has the numbers.`
          : ""}
      </figcaption>
    </figure>
  );
}

/** The canvas knows neither CSS variables nor `color-mix` of them: an element resolves each step once. */
function rampOf(node: HTMLElement): string[] {
  const probe = document.createElement("i");
  node.parentElement?.append(probe);
  const colors = Array.from({ length: STEPS + 1 }, (_, step) => {
    probe.style.color = mix(step / STEPS);
    return getComputedStyle(probe).color;
  });
  probe.remove();
  return colors;
}

function draw(
  pen: CanvasRenderingContext2D,
  node: HTMLElement,
  grid: Grid,
  view: View3,
  width: number,
  day: (value: string) => string,
  percent: (value: number) => string,
): void {
  const style = getComputedStyle(node);
  const ink = style.getPropertyValue("--mb-text-2").trim();
  const line = style.getPropertyValue("--mb-line-strong").trim();
  const panel = style.getPropertyValue("--mb-panel").trim();
  const ramp = rampOf(node);
  const xs = unit(grid.k);
  // Time by its root: near expiries would otherwise lie on one another.
  const ys = unit(grid.t_years.map((years) => Math.sqrt(years ?? 0)));
  pen.clearRect(0, 0, width, HEIGHT);
  const floor = (x: number, y: number) => project(view, [x, y, -0.72], width, HEIGHT);
  pen.strokeStyle = line;
  pen.lineWidth = 1;
  pen.beginPath();
  for (const [x, y] of [
    [-1, -1],
    [1, -1],
    [1, 1],
    [-1, 1],
    [-1, -1],
  ] as const) {
    // biome-ignore format: a square
    const [left, top] = floor(x, y);
    pen.lineTo(left, top);
  }
  pen.stroke();
  for (const cell of cellsOf(view, xs, ys, grid.iv, width, HEIGHT)) {
    pen.beginPath();
    for (const [x, y] of cell.corners) pen.lineTo(x, y);
    pen.closePath();
    pen.fillStyle = ramp[Math.round(cell.level * STEPS)] ?? ink;
    pen.fill();
    pen.strokeStyle = panel;
    pen.lineWidth = 0.6;
    pen.stroke();
  }
  pen.fillStyle = ink;
  pen.font = `12px ${style.fontFamily}`;
  pen.textAlign = "center";
  // Names stand along the two edges that are nearest to the reader.
  const front =
    project(view, [0, -1, -1], width, HEIGHT)[2] < project(view, [0, 1, -1], width, HEIGHT)[2] ? -1 : 1;
  const side =
    project(view, [-1, 0, -1], width, HEIGHT)[2] < project(view, [1, 0, -1], width, HEIGHT)[2] ? -1 : 1;
  const step = Math.max(1, Math.floor(grid.k.length / 6));
  for (let index = 0; index < grid.k.length; index += step) {
    const [x, y] = floor(xs[index] ?? 0, front * 1.16);
    pen.fillText(percent((Math.exp(grid.k[index] ?? 0) - 1) * 100), x, y + 4);
  }
  let edge = Number.POSITIVE_INFINITY;
  for (let index = grid.expiries.length - 1; index >= 0; index -= 1) {
    const [x, y] = floor(side * 1.2, ys[index] ?? 0);
    if (Math.abs(y - edge) < 14) continue;
    edge = y;
    pen.fillText(day(`${grid.expiries[index]}T06:30:00Z`), x, y + 4);
  }
}
