import { describe, expect, it } from "vitest";
import { isQuery, parseAlert, parseScreen } from "./command";

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

describe("the screen command", () => {
  it("takes the words behind it", () => {
    expect(parseScreen("screen low debt ")).toBe("low debt");
    expect(parseScreen("screen ")).toBe("");
    expect(parseScreen("screen")).toBeNull();
    expect(parseScreen("screener")).toBeNull();
  });

  it("tells a query from a name", () => {
    expect(isQuery("pe < 15")).toBe(true);
    expect(isQuery("close crosses above 100")).toBe(true);
    expect(isQuery("growth rockets")).toBe(false);
    expect(isQuery("android")).toBe(false);
  });
});
