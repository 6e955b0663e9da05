import { describe, expect, it } from "vitest";
import type { FunctionEntry, Registry } from "@/shared/api/ruleTypes";
import { callOf, findNames, namesOf } from "./names";

const number = { least: null, most: null };
const entry = (change: Partial<FunctionEntry>): FunctionEntry => ({
  name: "rsi",
  usage: "",
  summary: "Momentum.",
  kind: "series",
  arguments: [{ name: "x", is_condition: false, default: "close" }],
  result: "number",
  parameters: [{ ...number, name: "n", kind: "period", default: 14 }],
  main: "",
  members: [],
  ...change,
});

describe("names to choose from", () => {
  it("call a function with its usual settings, and a member where it has several", () => {
    expect(callOf(entry({}))).toBe("rsi(close, 14)");
    const two = [
      { name: "upper", type: "price" },
      { name: "lower", type: "price" },
    ];
    expect(callOf(entry({ name: "bb", members: two }))).toBe("bb(close, 14).upper");
    expect(callOf(entry({ name: "macd", members: two, main: "line" }))).toBe("macd(close, 14)");
    expect(
      callOf(
        entry({
          name: "orb",
          arguments: [],
          parameters: [{ ...number, name: "t", kind: "duration", default: null }],
        }),
      ),
    ).toBe("orb(15m)");
  });

  it("are found by label, text or meaning, those that begin so first", () => {
    const field = {
      ...{ aliases: [], type: "number", cadence: "", unit: "", source: "", members: [], settings: [] },
      ...{ usage: "", is_live: true, is_of_bar: false },
    };
    const registry: Registry = {
      items: [
        { ...field, name: "fund.eps", label: "EPS", description: "Earnings, part of P/E." },
        { ...field, name: "fund.pe", label: "P/E", description: "Price over earnings." },
      ],
      functions: [entry({})],
      universes: [],
    };
    const names = namesOf(registry);
    expect(findNames(names, "p/e").map((name) => name.insert)).toEqual(["fund.pe", "fund.eps"]);
    expect(findNames(names, "momentum").map((name) => name.insert)).toEqual(["rsi(close, 14)"]);
    expect(findNames(names, "")[0]?.insert).toBe("close");
  });
});
