import { describe, expect, it, vi } from "vitest";
import type { Look } from "@/shared/chart/look";
import { AlertLines, type Level, REACH } from "./alertLines";

const look = { accent: "brass", cross: "grey", panel: "paper", font: "sans" } as Look;
const armed = (uid: string, price: number): Level => ({ uid, price, direction: "above", state: "armed" });

/** A chart where one unit of price is one pixel, and 1000 is the top. */
function attached(levels: Level[]) {
  const lines = new AlertLines(look, (price) => price.toFixed(2));
  const requestUpdate = vi.fn();
  const series = { priceToCoordinate: (price: number) => (price > 1000 ? null : 1000 - price) };
  lines.attached({ series, requestUpdate } as unknown as Parameters<AlertLines["attached"]>[0]);
  lines.show(levels, null);
  return { lines, requestUpdate };
}

describe("alert lines", () => {
  it("finds the armed line nearest to a pointer, within its reach", () => {
    const { lines } = attached([armed("a", 900), armed("b", 890), { ...armed("f", 880), state: "fired" }]);
    expect(lines.under(100, REACH.mouse)?.uid).toBe("a");
    expect(lines.under(106, REACH.mouse)?.uid).toBe("b");
    expect(lines.under(120, REACH.mouse)).toBeNull();
    expect(lines.under(120, REACH.touch)?.uid).toBe("b");
    expect(lines.hitTest(5, 100)).toMatchObject({ cursorStyle: "ns-resize", externalId: "a" });
    expect(lines.hitTest(5, 500)).toBeNull();
  });

  it("labels the axis at each line that the chart shows, grey where it has fired", () => {
    const { lines } = attached([armed("a", 900), armed("out", 2000), { ...armed("f", 880), state: "fired" }]);
    const labels = lines.priceAxisViews().map((view) => [view.text(), view.coordinate(), view.backColor()]);
    expect(labels).toEqual([
      ["900.00", 100, "brass"],
      ["880.00", 120, "grey"],
    ]);
  });

  it("stands where it is held, and asks to be drawn", () => {
    const { lines, requestUpdate } = attached([armed("a", 900)]);
    requestUpdate.mockClear();
    lines.show([armed("a", 900)], { uid: "a", price: 950, words: "+5% from the price" });
    expect(requestUpdate).toHaveBeenCalledTimes(1);
    expect(lines.priceAxisViews()[0]?.text()).toBe("950.00");
    expect(lines.under(50, REACH.mouse)?.uid).toBe("a");
    expect(lines.under(100, REACH.mouse)).toBeNull();
  });
});
