import { describe, expect, it } from "vitest";
import type { Cond, FieldEntry } from "@/shared/api/ruleTypes";
import { blanksOf, condOf, isFull, limitsOf, verbsOf } from "./condition";
import { share } from "./spread";

const FIELDS = [
  { name: "fund.pe", label: "P/E", type: "number" },
  { name: "pattern.flag", label: "Flag", type: "bool" },
  { name: "opt.oi_state", label: "Build-up", type: "enum" },
] as FieldEntry[];

describe("a condition as blanks", () => {
  it("comes back as it was", () => {
    const conditions: [Cond, string][] = [
      [{ op: "compare", operator: "<", left: "fund.pe", right: "15" }, "number"],
      [{ op: "compare", operator: ">", left: "close", right: "sma(close, 200)" }, "price"],
      [{ op: "between", of: "fund.pe", low: "5", high: "15" }, "number"],
      [{ op: "crosses", direction: "above", left: "close", right: "100" }, "price"],
      [{ op: "compare", operator: "=", left: "opt.oi_state", right: '"long_buildup"' }, "enum"],
      [{ op: "text", text: "pattern.flag" }, "bool"],
      [{ op: "not", of: { op: "text", text: "pattern.flag" } }, "bool"],
    ];
    for (const [cond, type] of conditions) {
      const blanks = blanksOf(cond, FIELDS);
      expect(blanks && condOf(blanks, type)).toEqual(cond);
    }
  });

  it("is refused where blanks cannot hold it", () => {
    const text: Cond = { op: "text", text: "fund.pe is known" };
    expect(blanksOf(text, FIELDS)).toBeNull();
    expect(blanksOf({ op: "or", parts: [text, text] }, FIELDS)).toBeNull();
    expect(blanksOf({ op: "not", of: text }, FIELDS)).toBeNull();
  });

  it("quotes the words of an enum, and offers what its type can do", () => {
    const blanks = { what: "opt.oi_state", verb: "=", low: "long_buildup", high: "" } as const;
    expect(condOf(blanks, "enum")).toMatchObject({ right: '"long_buildup"' });
    expect(verbsOf("bool").map((verb) => verb.value)).toEqual(["true", "untrue"]);
    expect(verbsOf("enum").map((verb) => verb.value)).toEqual(["=", "!="]);
    expect(verbsOf("number").some((verb) => verb.value === "true")).toBe(false);
  });

  it("is full when every blank that it has is", () => {
    expect(isFull({ what: "fund.pe", verb: "between", low: "5", high: " " })).toBe(false);
    expect(isFull({ what: "pattern.flag", verb: "true", low: "", high: "" })).toBe(true);
    expect(isFull({ what: "", verb: "<", low: "5", high: "" })).toBe(false);
  });
});

describe("what it takes of a spread", () => {
  it("has limits where its values are numbers", () => {
    expect(limitsOf({ what: "a", verb: "<", low: "15%", high: "" })).toEqual([null, 15]);
    expect(limitsOf({ what: "a", verb: "between", low: "5", high: "2.5cr" })).toEqual([5, 2.5e7]);
    expect(limitsOf({ what: "a", verb: ">", low: "sma(close, 50)", high: "" })).toEqual([null, null]);
  });

  it("is a share of each bin", () => {
    const bin = { from: 10, to: 20 };
    expect(share(bin, null, 15)).toBe(0.5);
    expect(share(bin, 5, 30)).toBe(1);
    expect(share(bin, 25, null)).toBe(0);
    expect(share(bin, null, null)).toBe(0);
    expect(share({ from: 7, to: 7 }, 5, 9)).toBe(1);
  });
});
