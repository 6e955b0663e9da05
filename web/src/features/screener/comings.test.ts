import { expect, it } from "vitest";
import { compare, type Event, entryWords, fresh } from "./comings";

const same = (key: string) => key;

it("marks who came, and keeps who left at its place for a moment", () => {
  const { rows, marks } = compare(["a", "b", "c"], ["c", "d", "a"], same);
  expect(rows).toEqual(["c", "b", "d", "a"]);
  expect([...marks]).toEqual([
    ["d", "enter"],
    ["b", "leave"],
  ]);
});

it("marks nothing where only the order changed", () => {
  const { rows, marks } = compare(["a", "b"], ["b", "a"], same);
  expect(rows).toEqual(["b", "a"]);
  expect(marks.size).toBe(0);
});

it("takes each event once, the newest first", () => {
  const at = (instrument: string, when: number): Event => ({ event: "enter", instrument, at: when });
  const first = fresh([], [at("a", 1), at("b", 2)]);
  expect(first.map((one) => one.instrument)).toEqual(["b", "a"]);
  const moved = { event: "update", instrument: "b", at: 3 };
  const second = fresh(first, [at("b", 2), moved, at("c", 3), at("d", 4)]);
  expect(second.map((one) => one.instrument)).toEqual(["d", "c"]);
});

it("names few entries and counts many", () => {
  expect(entryWords(["NSE:INFY"], "Value picks")).toBe("INFY entered Value picks.");
  expect(entryWords(["a", "b", "c", "d"], "Value picks")).toBe("4 companies entered Value picks.");
});
