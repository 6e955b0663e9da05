import { describe, expect, it } from "vitest";
import { parseAlert } from "./command";

describe("the alert command", () => {
  it("is understood with signs and words", () => {
    expect(parseAlert("alert infy > 1,600")).toEqual({ symbol: "INFY", direction: "above", level: "1600" });
    expect(parseAlert("alert M&M below 2900.5")).toEqual({
      symbol: "M&M",
      direction: "below",
      level: "2900.5",
    });
  });

  it("is nothing else", () => {
    expect(parseAlert("alert")).toBeNull();
    expect(parseAlert("alert infy")).toBeNull();
    expect(parseAlert("infy > 5")).toBeNull();
  });
});
