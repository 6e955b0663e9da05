import { describe, expect, it } from "vitest";
import type { Alert } from "@/shared/api/ruleTypes";
import { csvOf, fold, groupBy, moreWords, storyOf } from "./inbox";

let count = 0;
const alert = (rule_uid: string, symbol = "INFY", values: Alert["values"] = {}): Alert => {
  count += 1;
  return {
    firing_id: String(count),
    rule_uid,
    rule: rule_uid,
    instrument: `NSE:${symbol}`,
    symbol,
    name: symbol,
    event_time: "2026-03-02T10:00:00Z",
    recorded_at: null,
    values,
    deliveries: [],
    is_read: false,
    severity: "normal",
    event: "enter",
    version: 1,
    suppressed: "",
    ack: null,
    group: null,
  };
};

describe("the inbox", () => {
  it("folds a storm of one rule, and leaves a few in a row alone", () => {
    const storm = [
      alert("a"),
      ...Array.from({ length: 38 }, () => alert("b")),
      alert("a"),
      alert("a"),
      alert("a"),
    ];
    const bundles = fold(storm);
    expect(bundles.map((one) => one.rest.length)).toEqual([0, 37, 0, 0, 0]);
    const [, second] = bundles;
    expect(second && moreWords(second.rest.length, second.head, undefined)).toBe("37 more from this rule");
    expect(bundles.flatMap((one) => [one.head, ...one.rest])).toEqual(storm);
  });

  it("groups by rule or symbol, the newest group first", () => {
    const alerts = [alert("a", "TCS"), alert("b"), alert("a"), alert("b", "TCS")];
    expect(groupBy(alerts, "rule").map((one) => [one.head.rule_uid, one.rest.length])).toEqual([
      ["a", 1],
      ["b", 1],
    ]);
    const [first] = groupBy(alerts, "symbol");
    expect(first && moreWords(first.rest.length, first.head, "symbol")).toBe("1 more on TCS");
  });

  it("says how many instruments a rule's others are about", () => {
    expect(moreWords(9, alert("a"), "rule", 7)).toBe("9 more from this rule, on 7 instruments");
    expect(moreWords(42, alert("a"), "rule", 20)).toBe("42 more from this rule, on 20 or more instruments");
    expect(moreWords(2, alert("a"), "rule", 1)).toBe("2 more from this rule");
  });

  it("gives a spreadsheet one row a delivery", () => {
    const sent = {
      delivery_id: "d",
      channel: "slack",
      address_label: "Desk",
      state: "sent",
      attempts: 2,
      error: "",
      until: null,
      carried_by: "",
      sent_at: "2026-03-02T10:00:01Z",
    };
    const [head, rows] = csvOf([
      { ...alert("a", "TCS", { sentence: "It rose." }), deliveries: [sent, { ...sent, channel: "in_app" }] },
    ]);
    expect(rows).toHaveLength(2);
    expect(rows.every((row) => row.length === head.length)).toBe(true);
    expect(rows[0]?.slice(7, 11)).toEqual(["It rose.", "slack", "sent", 2]);
  });

  it("tells the story in days for daily rules, else in minutes", () => {
    expect(storyOf(alert("a", "INFY", { timing: "1d close" }))).toMatchObject({
      timeframe: "1d",
      from: "2026-01-01T10:00:00.000Z",
    });
    expect(storyOf(alert("a", "INFY", { timing: "5m close" })).timeframe).toBe("1m");
    expect(storyOf(alert("a")).to).toBe("2026-03-02T10:15:00.000Z");
  });
});
