/** Where each tile of the heat map lies, and how strong its colour is. Pure. */
import { hierarchy, treemap, treemapSquarify } from "d3-hierarchy";

export interface Leaf {
  key: string;
  symbol: string;
  name: string;
  sector: string;
  size: number;
}

export interface Tile extends Leaf {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Sector {
  name: string;
  x: number;
  y: number;
  width: number;
  height: number;
}

interface Node {
  name: string;
  leaf?: Leaf;
  children?: Node[];
}

export const HEADING = 20;

export function layOut(
  leaves: readonly Leaf[],
  width: number,
  height: number,
): { tiles: Tile[]; sectors: Sector[] } {
  const groups = new Map<string, Leaf[]>();
  for (const leaf of leaves) {
    const name = leaf.sector || "Other";
    const group = groups.get(name);
    if (group) group.push(leaf);
    else groups.set(name, [leaf]);
  }
  const headed = groups.size > 1;
  const root = hierarchy<Node>({
    name: "",
    children: [...groups].map(([name, group]) => ({
      name,
      children: group.map((leaf) => ({ name: leaf.key, leaf })),
    })),
  })
    .sum((node) => node.leaf?.size ?? 0)
    .sort((a, b) => (b.value ?? 0) - (a.value ?? 0) || a.data.name.localeCompare(b.data.name));
  const placed = treemap<Node>()
    .tile(treemapSquarify.ratio(1.3))
    .size([width, height])
    .paddingInner(1)
    .paddingOuter(0)
    .paddingTop((node) => (headed && node.depth === 1 ? HEADING : 0))
    .round(true)(root);
  const tiles: Tile[] = [];
  const sectors: Sector[] = [];
  for (const node of placed.descendants()) {
    const box = { x: node.x0, y: node.y0, width: node.x1 - node.x0, height: node.y1 - node.y0 };
    if (node.depth === 1 && headed) sectors.push({ name: node.data.name, ...box });
    if (node.data.leaf) tiles.push({ ...node.data.leaf, ...box });
  }
  return { tiles, sectors };
}

/** Steps of −3…3: how strong the colour is; `scale` percentage points are full strength. */
export function strength(change: number | null, scale = 3): number {
  if (change === null || !Number.isFinite(change)) return 0;
  const share = Math.min(1, Math.abs(change) / scale);
  const step = share === 0 ? 0 : share < 0.12 ? 1 : share < 0.45 ? 2 : 3;
  return change < 0 ? -step : step;
}

/** The neighbour of a tile in a direction: the nearest tile whose centre lies that way. */
export function neighbour(tiles: readonly Tile[], from: number, key: string): number {
  const here = tiles[from];
  if (!here) return 0;
  const cx = here.x + here.width / 2;
  const cy = here.y + here.height / 2;
  let best = from;
  let least = Number.POSITIVE_INFINITY;
  tiles.forEach((tile, index) => {
    if (index === from) return;
    const dx = tile.x + tile.width / 2 - cx;
    const dy = tile.y + tile.height / 2 - cy;
    const ahead = key === "ArrowRight" ? dx : key === "ArrowLeft" ? -dx : key === "ArrowDown" ? dy : -dy;
    const aside = Math.abs(key === "ArrowRight" || key === "ArrowLeft" ? dy : dx);
    if (ahead <= 1) return;
    const cost = ahead + aside * 2.5;
    if (cost < least) {
      least = cost;
      best = index;
    }
  });
  return best;
}
