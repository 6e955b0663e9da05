import { describe, expect, it } from "vitest";
import { compact, count, decimalsOf, money, parseNumber, percent, price, signed } from "./numbers";

describe("numbers", () => {
  it("groups by lakh and crore, or by thousands", () => {
    expect(count(123456789, "en-IN")).toBe("12,34,56,789");
    expect(count(123456789, "en-US")).toBe("123,456,789");
    expect(compact(123456789, "en-IN")).toBe("12.35Cr");
    expect(compact(123456789, "en-US")).toBe("123.46M");
    expect(compact(987654321012, "en-IN")).toBe("98,765Cr");
    expect(money("987654321012", "en-IN")).toBe("₹98,765Cr");
    expect(compact(250000, "en-IN")).toBe("2.5L");
    expect(compact(999, "en-IN")).toBe("999");
  });

  it("never passes decimal text through floats", () => {
    expect(price("1234567890123456.78", "en-US", "0.01")).toBe("1,234,567,890,123,456.78");
  });

  it("takes the decimals of a price from its step", () => {
    expect(decimalsOf("0.05")).toBe(2);
    expect(decimalsOf("0.0025")).toBe(4);
    expect(decimalsOf(1e-8)).toBe(8);
    expect(decimalsOf(null)).toBe(2);
    expect(price("1490.5", "en-IN", "0.05")).toBe("1,490.50");
    expect(price("0.1234", "en-US", "0.0001")).toBe("0.1234");
  });

  it("writes a true minus and always a sign on changes", () => {
    expect(percent(1.234, "en-IN")).toBe("+1.23%");
    expect(percent(-1.2, "en-IN")).toBe("\u22121.20%");
    expect(percent(0, "en-IN")).toBe("0.00%");
    expect(signed("-0.001", "en-US")).toBe("0.00");
  });

  it("shows what is not known as a dash", () => {
    for (const value of [null, undefined, "", Number.NaN, "abc"]) expect(price(value, "en-IN")).toBe("—");
  });

  it("names the currency", () => {
    expect(money("98765432101", "en-IN", "INR")).toContain("₹");
    expect(money("98765432101", "en-US", "USD")).toBe("$98.77B");
  });

  it("reads what people type", () => {
    expect(parseNumber("1,600")).toBe(1600);
    expect(parseNumber("2.5cr")).toBe(25_000_000);
    expect(parseNumber("10l")).toBe(1_000_000);
    expect(parseNumber("3m")).toBe(3_000_000);
    expect(parseNumber(".5")).toBe(0.5);
    expect(parseNumber("\u22125")).toBe(-5);
    expect(parseNumber("ten")).toBeNull();
    expect(parseNumber("1.2.3")).toBeNull();
  });
});
