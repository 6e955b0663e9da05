import { describe, expect, it } from "vitest";
import { isOverPrice, KINDS, readStudies, stripesOf, titleOf, within, writeStudies } from "./studies";

describe("studies", () => {
  it("survive the address bar", () => {
    const text = "sma~50|macd~12~26~9|x~zscore(close%2C%2020)%7C";
    const studies = readStudies(text);
    expect(studies.map(titleOf)).toEqual(["Moving average 50", "MACD 12, 26, 9", "zscore(close, 20)|"]);
    expect(writeStudies(studies)).toBe(text);
    expect(readStudies(writeStudies(studies))).toEqual(studies);
  });

  it("leave out what cannot be read and keep settings inside their limits", () => {
    expect(readStudies("nonsense~3|sma~-7|bb~9999~0.04|x~|x~%E0%A4%A")).toEqual([
      { kind: KINDS[0], values: [1] },
      { kind: KINDS.find((kind) => kind.id === "bb"), values: [500, 0.1] },
    ]);
    expect(readStudies(undefined)).toEqual([]);
    expect(readStudies(Array(9).fill("obv").join("|"))).toHaveLength(6);
  });

  it("take the default where there is no number", () => {
    expect(readStudies("rsi")[0]).toMatchObject({ values: [14] });
    expect(within({ name: "Bars", value: 20, least: 1, most: 500, step: 1 }, Number.NaN)).toBe(20);
  });

  it("draw every kind with at least one expression, and each kind says what it is", () => {
    for (const kind of KINDS) {
      const stripes = stripesOf({ kind, values: kind.settings.map((setting) => setting.value) });
      expect(stripes.length).toBeGreaterThan(0);
      for (const stripe of stripes) expect(stripe.expression).not.toMatch(/undefined|NaN/);
      expect(kind.words).toMatch(/\.$/);
    }
  });

  it("put an expression of one's own on the price when it is one", () => {
    expect(isOverPrice({ kind: null, expression: "ema(close, 9)" }, "price")).toBe(true);
    expect(isOverPrice({ kind: null, expression: "rsi(close, 9)" }, "number")).toBe(false);
  });
});
