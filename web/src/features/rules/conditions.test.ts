import { describe, expect, it } from "vitest";
import type { Cond } from "@/shared/api/ruleTypes";
import {
  add,
  at,
  drop,
  EMPTY,
  isUnfinished,
  move,
  nameOf,
  put,
  turn,
  verbOf,
  withVerb,
  wrap,
} from "./conditions";

const a: Cond = { op: "compare", operator: ">", left: "close", right: "1" };
const b: Cond = { op: "crosses", direction: "above", left: "close", right: "2" };
const c: Cond = { op: "text", text: "close is known" };
const tree: Cond = { op: "and", parts: [a, { op: "not", of: { op: "or", parts: [b, c] } }] };

describe("a tree of conditions", () => {
  it("finds and replaces by path, and leaves the rest alone", () => {
    expect(at(tree, [1, "of", 0])).toBe(b);
    expect(at(tree, [0, "of"])).toBeNull();
    const next = put(tree, [1, "of", 0], c);
    expect(at(next, [1, "of", 0])).toBe(c);
    expect(at(next, [0])).toBe(a);
    expect(at(tree, [1, "of", 0])).toBe(b);
  });

  it("drops one, and folds a group of one", () => {
    expect(drop(tree, [0])).toEqual({ op: "not", of: { op: "or", parts: [b, c] } });
    expect(drop(tree, [1, "of", 0])).toEqual({ op: "and", parts: [a, { op: "not", of: c }] });
    expect(drop(tree, [1, "of"])).toEqual(a);
    expect(drop(a, [])).toBe(a);
  });

  it("adds beside the root or into a group", () => {
    expect(add(a, [], b)).toEqual({ op: "and", parts: [a, b] });
    expect(at(add(tree, [1, "of"], a), [1, "of", 2])).toBe(a);
  });

  it("denies and takes the denial back", () => {
    expect(turn(a, [])).toEqual({ op: "not", of: a });
    expect(turn(turn(tree, [0]), [0])).toEqual(tree);
  });

  it("wraps and moves", () => {
    expect(at(wrap(tree, [0], "or"), [0])).toEqual({ op: "or", parts: [a, EMPTY] });
    expect(at(move(tree, [1], -1), [1])).toBe(a);
    expect(move(tree, [0], -1)).toBe(tree);
  });

  it("keeps the values when the verb changes", () => {
    expect(withVerb(a, "below")).toEqual({ op: "crosses", direction: "below", left: "close", right: "1" });
    expect(withVerb(b, "between")).toEqual({ op: "between", of: "close", low: "2", high: "" });
    expect(withVerb(a, "rises")).toEqual({
      op: "moves",
      verb: "rises",
      of: "close",
      by: "2%",
      within: "10m",
    });
    expect(withVerb(b, "text")).toEqual({ op: "text", text: "close crosses above 2" });
    for (const cond of [a, b, c]) expect(withVerb(cond, verbOf(cond))).toEqual(cond);
  });

  it("names a place as the server does", () => {
    expect(nameOf("when", [1, "of", 0])).toBe("when.parts.1.of.parts.0");
  });

  it("knows an empty blank", () => {
    expect(isUnfinished(tree)).toBe(false);
    expect(isUnfinished(add(tree, [1, "of"], EMPTY))).toBe(true);
    expect(isUnfinished(null)).toBe(false);
  });
});
