import { expect, it } from "vitest";
import { parsePasted } from "./paste";

it("takes symbols from whatever stands between them, each once", () => {
  expect(parsePasted('reliance, INFY;TCS\nNSE:M&M\t"hdfcbank"\n1,234.50 infy')).toEqual([
    "RELIANCE",
    "INFY",
    "TCS",
    "NSE:M&M",
    "HDFCBANK",
  ]);
});
