import { describe, expect, it } from "vitest";
import { ago, clock, duration, full, toMillis } from "./time";

const START = Date.parse("2021-04-28T03:45:03Z");

describe("time", () => {
  it("takes ISO text, seconds, milliseconds and nanoseconds", () => {
    expect(toMillis("2021-04-28T03:45:03Z")).toBe(START);
    expect(toMillis(START)).toBe(START);
    expect(toMillis(START / 1000)).toBe(START);
    expect(toMillis(START * 1e6)).toBe(START);
    expect(toMillis(null)).toBeNull();
    expect(toMillis("yesterday")).toBeNull();
  });

  it("shows the exchange's zone and names it", () => {
    expect(clock(START, "Asia/Kolkata")).toBe("09:15:03");
    expect(full(START, "Asia/Kolkata")).toBe("28 Apr 2021, 09:15:03 IST");
    expect(full(START, "UTC")).toBe("28 Apr 2021, 03:45:03 UTC");
  });

  it("is relative under an hour, absolute after", () => {
    expect(ago(START, START + 400, "UTC")).toBe("just now");
    expect(ago(START, START + 12_000, "UTC")).toBe("12 s ago");
    expect(ago(START, START + 125_000, "UTC")).toBe("2 min ago");
    expect(ago(START, START + 3_700_000, "UTC")).toBe("03:45 UTC");
    expect(ago(START, START + 90_000_000, "UTC")).toBe("28 Apr");
  });

  it("says durations in words", () => {
    expect(duration(75)).toBe("1 min 15 s");
    expect(duration(4000)).toBe("1 h 6 min");
    expect(duration(null)).toBe("—");
  });
});
