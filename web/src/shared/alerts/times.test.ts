import { describe, expect, it } from "vitest";
import { endOfDay, instantOf, longOf, untilOf, wallText } from "./times";

const iso = (at: number | null) => (at === null ? null : new Date(at).toISOString());

describe("wall times", () => {
  it("are instants of their zone, also across a change of the clock", () => {
    expect(iso(instantOf("2026-11-27T10:30", "Asia/Kolkata"))).toBe("2026-11-27T05:00:00.000Z");
    expect(iso(instantOf("2026-07-01T10:30", "Europe/London"))).toBe("2026-07-01T09:30:00.000Z");
    expect(iso(instantOf("2026-10-25T23:00", "Europe/London"))).toBe("2026-10-25T23:00:00.000Z");
    expect(iso(instantOf("2026-03-29T00:30", "Europe/London"))).toBe("2026-03-29T00:30:00.000Z");
    expect(instantOf("tomorrow", "UTC")).toBeNull();
  });

  it("are shown as the field wants them, and read back", () => {
    const at = Date.parse("2026-11-27T18:45:00Z");
    expect(wallText(at, "Asia/Kolkata")).toBe("2026-11-28T00:15");
    expect(instantOf(wallText(at, "America/New_York"), "America/New_York")).toBe(at);
  });
});

describe("how long", () => {
  const now = Date.parse("2026-11-27T18:00:00Z");

  it("ends a day at the reader's midnight", () => {
    expect(iso(endOfDay(now, "Asia/Kolkata"))).toBe("2026-11-27T18:30:00.000Z");
    expect(iso(endOfDay(now, "UTC"))).toBe("2026-11-28T00:00:00.000Z");
  });

  it("knows the presets", () => {
    expect(longOf("15m", now, "UTC")).toEqual({ for_s: 900 });
    expect(longOf("today", now, "UTC")).toEqual({ until: "2026-11-28T00:00:00.000Z" });
    const last = Date.parse("2026-11-27T23:59:40Z");
    expect(longOf("today", last, "UTC")).toEqual({ until: "2026-11-28T00:00:40.000Z" });
    expect(untilOf({ for_s: 3600 }, now)).toBe("2026-11-27T19:00:00.000Z");
    expect(untilOf({ until: "2027-01-01T00:00:00Z" }, now)).toBe("2027-01-01T00:00:00Z");
  });
});
