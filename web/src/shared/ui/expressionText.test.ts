import { describe, expect, it } from "vitest";
import { accept, asksAt, charactersOf, offsetOf, segmentsOf, unitsOf, wordAt } from "./expressionText";

describe("positions", () => {
  it("counts characters, not units", () => {
    expect(unitsOf("🐂 pe", 2)).toBe(3);
    expect(charactersOf("🐂 pe", 3)).toBe(2);
    expect(unitsOf("pe", 9)).toBe(2);
  });

  it("finds line and column, and stays inside the text", () => {
    const text = "pe < 15\n  and 🐂 roe > 15";
    expect(text.slice(offsetOf(text, 2, 9))).toBe("roe > 15");
    expect(offsetOf(text, 1, 99)).toBe(7);
    expect(offsetOf(text, 9, 1)).toBe(text.length);
  });

  it("takes a word with its members, a quoted text or one sign", () => {
    expect(wordAt("fund.pe < 1", 0)).toBe(7);
    expect(wordAt('in "IT sector" x', 3)).toBe(14);
    expect(wordAt("a >= 1", 2)).toBe(3);
    expect(wordAt("a\nb", 1)).toBe(1);
  });
});

describe("marks", () => {
  const error = (column: number, line = 1) => ({ line, column, message: "wrong" });

  it("cuts the text at each error", () => {
    expect(
      segmentsOf("pr < 15 and roo > 2", [error(13), error(1)]).map((one) => [one.text, !!one.error]),
    ).toEqual([
      ["pr", true],
      [" < 15 and ", false],
      ["roo", true],
      [" > 2", false],
    ]);
  });

  it("marks a blank where the text ends too early, and one place once", () => {
    expect(segmentsOf("pe <", [error(5), error(5)]).map((one) => one.text)).toEqual(["pe <", " "]);
    expect(segmentsOf("pe <\nroe", [error(5)]).map((one) => one.text)).toEqual(["pe <", " ", "\nroe"]);
  });
});

describe("completion", () => {
  const item = { label: "roe", insert: "fund.roe", kind: "field", detail: "" };

  it("puts the item in place of what was typed of it", () => {
    expect(accept("🐂 and ro > 15", { from: 6, to: 8, items: [] }, item)).toEqual([
      "🐂 and fund.roe > 15",
      15,
    ]);
  });

  it("is asked in words and at the space behind them, not in numbers nor after signs", () => {
    const yes = [
      "close",
      "close ",
      "fund.ro",
      "$NSE:M&",
      "x > $",
      "macd(close, 12).",
      "macd(close, 12).s",
      "sma(close, 50) ",
    ];
    yes.push("pe < 15 ", "roe > 5% ", 'on watchlist "', 'on watchlist "co', "close@1d", "(clo", "not ab");
    for (const text of yes) expect([text, asksAt(text, text.length)]).toEqual([text, true]);
    for (const text of ["", "close > ", "pe < 15", "pe < 1.5", "pe <", "(", "pe < 15  "])
      expect([text, asksAt(text, text.length)]).toEqual([text, false]);
  });
});
