// @vitest-environment jsdom
import "@/shared/test-setup";
import { MantineProvider } from "@mantine/core";
import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Why } from "@/shared/api/ruleTypes";
import { DEFAULTS, usePrefs } from "@/shared/prefs/prefs";
import { WhyNow } from "./WhyNow";
import { WhyView } from "./WhyView";

const why: Partial<Why> = {
  clauses: [
    {
      text: "close crosses above 1500",
      role: "when",
      truth: true,
      distance: null,
      distance_pct: null,
      terms: [
        {
          expression: "close",
          value: 1500.05,
          previous: 1499.9,
          type: "price",
          source: "feed",
          timeframe: "tick",
          as_of: Date.parse("2026-03-02T04:00:03Z") * 1e6,
          age_s: 2,
        },
      ],
    },
    {
      text: "rsi(close, 14) < 30",
      role: "when",
      truth: false,
      distance: 12.5,
      distance_pct: 41.7,
      terms: [],
    },
    { text: "pe < 15", role: "where", truth: null, distance: null, distance_pct: null, terms: [] },
  ],
  first_false: { text: "rsi(close, 14) < 30", distance: 12.5, distance_text: "12.5 too high" },
  missing: [{ expression: "fund.pe", reason: "no published earnings" }],
};
const show = (part: React.ReactElement) => render(<MantineProvider>{part}</MantineProvider>);

beforeEach(() => usePrefs.setState({ ...DEFAULTS, mode: "intermediate" }));
afterEach(cleanup);

describe("why", () => {
  it("says of each clause whether it holds, with both values, their source and age", () => {
    show(<WhyView why={why} />);
    const items = screen.getAllByRole("listitem").map((item) => item.textContent ?? "");
    expect(items[0]).toContain("holds: close crosses above 1500");
    expect(items[0]).toContain("1,499.90 → 1,500.05");
    expect(items[0]).toContain("feed · tick · as of 09:30:03 · 2 s old");
    expect(
      items.some((item) => item.includes("does not hold: rsi(close, 14) < 30 12.5 away (+41.70%)")),
    ).toBe(true);
    expect(items.some((item) => item.includes("is not known: only where pe < 15"))).toBe(true);
  });

  it("names the first that is false, and what is missing", () => {
    const { container } = show(<WhyView why={why} />);
    expect(container.textContent).toContain("First that does not hold: rsi(close, 14) < 30, 12.5 too high.");
    expect(container.textContent).toContain("fund.pe is not known: no published earnings");
  });

  it("keeps sources and ages from beginners", () => {
    usePrefs.setState({ mode: "beginner" });
    const { container } = show(<WhyView why={why} />);
    expect(container.textContent).toContain("1,500.05");
    expect(container.textContent).not.toContain("2 s old");
  });

  it("says the state now, and what holds it back until when", () => {
    const now = {
      ...why,
      state: "suppressed",
      suppressed: "cooldown",
      until: "2026-03-02T05:00:00Z",
      sentence: "RSI 14 is 42.5, over 30.",
    } as Why;
    const { container } = show(<WhyNow query={{ data: now, error: null, isPending: false }} />);
    expect(container.textContent).toContain("Held back. Reason: cooldown.");
    expect(container.textContent).toContain("Until 2 Mar 2026, 10:30:00 IST.");
    expect(container.textContent).toContain("RSI 14 is 42.5, over 30.");
  });
});
