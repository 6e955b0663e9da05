import { describe, expect, it } from "vitest";
import { marksOfBars } from "./marks";

describe("marks of bars", () => {
  it("are one for each bar, side and text, with how often", () => {
    const at = (time: number, text: string, above = true) => ({ time, text, above });
    const marks = [at(5, "9"), at(61, "10"), at(70, "10"), at(75, "10", false), at(90, "11"), at(125, "10")];
    expect(marksOfBars(marks, [60, 120])).toEqual([
      at(60, "10 \u00d72"),
      at(60, "10", false),
      at(60, "11"),
      at(120, "10"),
    ]);
  });
});
