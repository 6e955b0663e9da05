import { describe, expect, it } from "vitest";
import type { RuleForm } from "@/shared/api/ruleTypes";
import { withLevel } from "./moveLevel";

const form = {
  name: "INFY above 1600.00",
  when: { op: "crosses", direction: "above", left: "close", right: "1600" },
} as RuleForm;

describe("another level", () => {
  it("goes into the condition, and into the name where the name says it", () => {
    expect(withLevel(form, "1612.50")).toMatchObject({
      name: "INFY above 1612.50",
      when: { right: "1612.50", direction: "above" },
    });
    expect(withLevel({ ...form, name: "Call me at 1,600, not 16000" }, "1700")?.name).toBe(
      "Call me at 1700, not 16000",
    );
    expect(withLevel({ ...form, name: "Breakout" }, "1700")?.name).toBe("Breakout");
  });

  it("is refused where the rule is more than a level", () => {
    expect(withLevel({ ...form, when: { op: "text", text: "close is known" } }, "1")).toBeNull();
    const average = { op: "crosses", direction: "above", left: "close", right: "sma(close, 50)" } as const;
    expect(withLevel({ ...form, when: average }, "1")).toBeNull();
  });
});
