import { describe, expect, it } from "vitest";
import document from "@/shared/api/openapi.json";
import type { FundamentalFact } from "@/shared/api/types";
import { grouped, groupOf } from "./fundamentals";

describe("groups of figures", () => {
  it("have a place for every figure of the registry", () => {
    const names = Object.keys(document.components.schemas.Fundamentals.properties);
    expect(names.length).toBeGreaterThan(30);
    expect(names.filter((name) => groupOf(`fund.${name}`) === "Other")).toEqual([]);
  });

  it("put each figure where people look for it", () => {
    expect(["pe", "pe_median_5y", "eps", "eps_growth_3y", "book_value_per_share"].map(groupOf)).toEqual([
      "Valuation",
      "Valuation",
      "Per share",
      "Growth",
      "Per share",
    ]);
    expect(["net_margin", "sales_quarter", "pledged_pct", "public_holding"].map(groupOf)).toEqual([
      "Quality",
      "Quality",
      "Ownership",
      "Ownership",
    ]);
  });

  it("leave empty groups out and keep the order", () => {
    const facts = ["fund.fii_holding", "fund.pe"].map((name) => ({ name }) as FundamentalFact);
    expect(grouped(facts).map(([name, own]) => [name, own.length])).toEqual([
      ["Valuation", 1],
      ["Ownership", 1],
    ]);
  });
});
