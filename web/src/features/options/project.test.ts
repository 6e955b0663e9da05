import { describe, expect, it } from "vitest";
import { cellsOf, project, turned, unit } from "./project";

const still = { turn: 0, tilt: 0 };

describe("a surface in space", () => {
  it("keeps lengths when it is turned", () => {
    const [x, y, z] = turned({ turn: 0.8, tilt: 0.4 }, [0.3, -0.5, 0.7]);
    expect(x * x + y * y + z * z).toBeCloseTo(0.09 + 0.25 + 0.49, 12);
    expect(turned(still, [1, 2, 3])).toEqual([1, 2, 3]);
  });

  it("has its middle in the middle, what is up above it, what is far smaller", () => {
    expect(project(still, [0, 0, 0], 400, 300).slice(0, 2)).toEqual([200, 150]);
    expect(project(still, [0, 0, 1], 400, 300)[1]).toBeLessThan(150);
    const near = project(still, [1, -1, 0], 400, 300)[0] - 200;
    const far = project(still, [1, 1, 0], 400, 300)[0] - 200;
    expect(near).toBeGreaterThan(far);
  });

  it("stands unevenly where its axis is uneven", () => {
    expect(unit([0, 1, 4])).toEqual([-1, -0.5, 1]);
    expect(unit([3])).toEqual([0]);
  });

  it("is drawn from the back, and not where a corner is unknown", () => {
    const zs = [[10, 11, 12], [11, 12, null], [12, 13, 14]]; // biome-ignore format: one line
    const cells = cellsOf(still, [-1, 0, 1], [-1, 0, 1], zs, 400, 300);
    expect(cells.map((cell) => [cell.row, cell.column])).toEqual([[1, 0], [0, 0]]); // biome-ignore format: one line
    expect(cells[1]?.level).toBeCloseTo((0 + 0.25 + 0.5 + 0.25) / 4, 12);
  });
});
