/**
 * A surface in space on a flat canvas: turned, tilted, seen from afar, and drawn from back to front. Pure.
 *
 * Axes: x runs over strikes, y over expiries, z is the volatility; each from -1 to 1 before it is turned.
 */
export interface View3 {
  /** Radians around the upright axis, and of the tilt towards the reader. */
  turn: number;
  tilt: number;
}

export type Point3 = readonly [x: number, y: number, z: number];
export type Point2 = readonly [x: number, y: number, depth: number];

export const START: View3 = { turn: -0.7, tilt: 0.5 };
export const MOST_TILT = 1.45;
/** How far the eye is, in half widths: large enough that parallel lines stay nearly so. */
const EYE = 5;

export function turned({ turn, tilt }: View3, [x, y, z]: Point3): Point3 {
  const across = x * Math.cos(turn) - y * Math.sin(turn);
  const away = x * Math.sin(turn) + y * Math.cos(turn);
  return [across, away * Math.cos(tilt) - z * Math.sin(tilt), away * Math.sin(tilt) + z * Math.cos(tilt)];
}

/** Where a point falls on a canvas; `depth` grows away from the reader. */
export function project(view: View3, point: Point3, width: number, height: number): Point2 {
  const [across, away, up] = turned(view, point);
  const near = EYE / (EYE + away);
  const scale = Math.min(width, height * 1.55) * 0.168;
  return [width / 2 + across * scale * near, height / 2 - up * scale * near, away];
}

export interface Cell {
  corners: readonly [Point2, Point2, Point2, Point2];
  depth: number;
  /** Mean volatility of the corners, 0 lowest to 1 highest. */
  level: number;
  row: number;
  column: number;
}

/** -1 to 1 over the places of an axis, by their values, so that uneven expiries stand unevenly. */
export function unit(values: readonly number[]): number[] {
  const low = Math.min(...values);
  const high = Math.max(...values);
  return values.map((value) => (high > low ? ((value - low) / (high - low)) * 2 - 1 : 0));
}

/** The cells of a grid of rows (expiries) and columns (strikes), the farthest first; a cell with an unknown corner is left out. */
export function cellsOf(
  view: View3,
  xs: readonly number[],
  ys: readonly number[],
  zs: readonly (readonly (number | null)[])[],
  width: number,
  height: number,
): Cell[] {
  const known = zs.flat().filter((value): value is number => value !== null);
  const low = Math.min(...known);
  const span = Math.max(...known) - low || 1;
  const cells: Cell[] = [];
  for (let row = 0; row + 1 < ys.length; row += 1)
    for (let column = 0; column + 1 < xs.length; column += 1) {
      const places = [
        [row, column],
        [row, column + 1],
        [row + 1, column + 1],
        [row + 1, column],
      ] as const;
      const levels = places.map(([r, c]) => {
        const value = zs[r]?.[c];
        return value === null || value === undefined ? null : (value - low) / span;
      });
      if (levels.some((level) => level === null)) continue;
      const heights = levels as number[];
      const corners = places.map(([r, c], at) =>
        project(view, [xs[c] ?? 0, ys[r] ?? 0, ((heights[at] ?? 0) * 2 - 1) * 0.62], width, height),
      ) as unknown as Cell["corners"];
      cells.push({
        corners,
        depth: corners.reduce((sum, corner) => sum + corner[2], 0) / 4,
        level: heights.reduce((sum, level) => sum + level, 0) / 4,
        row,
        column,
      });
    }
  return cells.sort((a, b) => b.depth - a.depth);
}
