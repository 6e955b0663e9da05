import { describe, expect, it } from "vitest";
import { breakEvenWords, expiryDots, extremes, mostWords, signPieces } from "./payoff";

const formats = {
  price: (value: unknown) => Number(value).toFixed(2),
  percent: (value: unknown) => `${Number(value) > 0 ? "+" : ""}${Number(value).toFixed(1)}%`,
};

/** A long call at 100 for 5: loses 5 up to 100, breaks even at 105. */
const points = [90, 100, 110, 120].map((spot) => ({ spot, now: null, expiry: Math.max(0, spot - 100) - 5 }));

describe("a payoff", () => {
  it("says where it breaks even and how far away that is", () => {
    expect(breakEvenWords([105], 100, formats)).toBe("at 105.00 (+5.0%)");
    expect(breakEvenWords([95, 105], 100, formats)).toBe("at 95.00 (-5.0%) and 105.00 (+5.0%)");
    expect(breakEvenWords([105], null, formats)).toBe("at 105.00");
    expect(breakEvenWords([], 100, formats)).toBe("at no price");
  });

  it("says the most, no limit, or nothing", () => {
    const write = (value: number | null) => (value === null ? "—" : `₹${value}`);
    expect(mostWords(7500, false, write)).toBe("₹7500");
    expect(mostWords(null, true, write)).toBe("no limit");
    expect(mostWords(-20, false, write)).toBe("nothing");
    expect(mostWords(null, false, write)).toBe("—");
  });

  it("is cut where it changes its sign", () => {
    const pieces = signPieces(points);
    expect(pieces.map((piece) => piece.isGain)).toEqual([false, true]);
    expect(pieces[0]?.dots.at(-1)).toEqual([105, 0]);
    expect(pieces[1]?.dots).toEqual([[105, 0], [110, 5], [120, 15]]); // biome-ignore format: one line
    expect(extremes(points)).toEqual({ low: -5, high: 15 });
    expect(extremes([])).toEqual({ low: null, high: null });
    expect(expiryDots(points)[0]).toEqual([90, -5]);
  });
});
