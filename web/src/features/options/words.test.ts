import { describe, expect, it } from "vitest";
import { readQuote } from "./read";
import { currencyOf, doubt, pcrWords, sourceOf, statusWords } from "./words";

describe("words", () => {
  it("say why there is no volatility, and nothing where there is one", () => {
    expect(statusWords("ok")).toBeNull();
    expect(statusWords("at_intrinsic")).toMatch(/exercising/);
    expect(statusWords("something_new")).toBe("something new");
  });

  it("doubt what has no price, is old, or is hardly traded", () => {
    expect(doubt(readQuote({ is_liquid: true }))).toBe("no price");
    expect(doubt(readQuote({ price: 5, is_liquid: true, quote_age_s: 301 }))).toBe("old quote");
    expect(doubt(readQuote({ price: 5, is_liquid: false, quote_age_s: 3 }))).toBe("hardly traded");
    expect(doubt(readQuote({ price: 5, is_liquid: true }))).toBeNull();
  });

  it("say where a chain came from, SIMULATED first and once", () => {
    expect(sourceOf({ source: "bhavcopy", is_simulated: false })).toBe("NSE bhavcopy");
    expect(sourceOf({ source: "demo", is_simulated: true })).toBe("SIMULATED · demo");
    expect(sourceOf({ source: "Simulated market", is_simulated: true })).toBe("Simulated market");
    expect(sourceOf({ source: "", is_simulated: true })).toBe("SIMULATED");
  });

  it("know the currency of a venue, and what a ratio means", () => {
    expect([currencyOf("NSE:NIFTY"), currencyOf("US:SPY")]).toEqual(["INR", "USD"]);
    expect(pcrWords(1.3)).toMatch(/^more puts/);
    expect(pcrWords(0.7)).toMatch(/^more calls/);
    expect(pcrWords(null)).toBe("not known");
  });
});
