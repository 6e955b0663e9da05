import { describe, expect, it } from "vitest";
import { layOut, neighbour, strength } from "./treemap";

const leaf = (key: string, sector: string, size: number) => ({ key, symbol: key, name: key, sector, size });

describe("the heat map", () => {
  it("gives each tile an area by its size, inside the map", () => {
    const { tiles, sectors } = layOut([leaf("a", "X", 3), leaf("b", "X", 1), leaf("c", "Y", 2)], 600, 300);
    expect(tiles).toHaveLength(3);
    expect(sectors.map((sector) => sector.name).sort()).toEqual(["X", "Y"]);
    const area = (key: string) =>
      tiles.filter((tile) => tile.key === key).map((tile) => tile.width * tile.height)[0] ?? 0;
    expect(area("a")).toBeGreaterThan(area("b"));
    for (const tile of tiles) {
      expect(tile.x + tile.width).toBeLessThanOrEqual(600);
      expect(tile.y + tile.height).toBeLessThanOrEqual(300);
    }
  });

  it("colours in steps, with none for what is unknown", () => {
    expect([null, 0, 0.1, -0.5, 2, -9].map((change) => strength(change))).toEqual([0, 0, 1, -2, 3, -3]);
  });

  it("moves to the nearest tile that way and stays at the edge", () => {
    const at = (key: string, x: number, y: number) => ({ ...leaf(key, "", 1), x, y, width: 10, height: 10 });
    const tiles = [at("a", 0, 0), at("b", 20, 0), at("c", 0, 20)];
    expect(neighbour(tiles, 0, "ArrowRight")).toBe(1);
    expect(neighbour(tiles, 0, "ArrowDown")).toBe(2);
    expect(neighbour(tiles, 0, "ArrowLeft")).toBe(0);
  });
});
