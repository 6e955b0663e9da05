import { describe, expect, it } from "vitest";
import { butterfly, faultsOf } from "./arbitrage";
import { readSurface } from "./read";

const points = [-0.1, 0, 0.1].map((k) => ({ strike: 100 + k, k, iv: 12, fitted: 12 }));
const slice = (more: object) => ({ expiry: "e", params: {}, is_butterfly_free: true, points, ...more });
const surface = (slices: object[], calendar: object = { is_free: true, crossings: [] }) =>
  readSurface({ slices, calendar, grid: {} });

describe("arbitrage of a surface", () => {
  it("tells what is broken among quotes from what is broken beyond them", () => {
    const found = surface([
      slice({}),
      slice({ is_butterfly_free: false, min_g_k: 0.05 }),
      slice({ is_butterfly_free: false, min_g_k: -1 }),
      slice({ params: null, is_butterfly_free: null }),
    ]);
    expect(found.slices.map(butterfly)).toEqual(["free", "broken", "beyond", "unknown"]);
    expect(faultsOf(found)).toBe(
      "1 of 4 expiries have butterfly arbitrage; 1 of 4 have it beyond their quotes alone; 1 of 4 have too few liquid strikes for a fit.",
    );
  });

  it("says nothing of a surface that is free, and how often expiries cross", () => {
    expect(faultsOf(surface([slice({})]))).toBeNull();
    const calendar = { is_free: false, is_free_where_quoted: true, crossings: [{}] };
    expect(faultsOf(surface([slice({})], calendar))).toBe(
      "1 crossing of expiries (calendar arbitrage, beyond the quotes alone).",
    );
  });
});
