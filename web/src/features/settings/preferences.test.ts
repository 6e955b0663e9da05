import { describe, expect, it } from "vitest";
import type { Preferences } from "@/shared/api/delivery";
import { faultsOf, quietWords, WINDOWS, withStored, zonesOf } from "./preferences";

const draft: Preferences = {
  zone: "Asia/Kolkata",
  quiet_from: "22:00",
  quiet_to: "07:00",
  quiet_except_high: true,
  digest_at: "08:00",
  group_window_s: 60,
  repeat_s: 0,
};

describe("quiet hours", () => {
  it("are right, half-filled, empty of time, or off", () => {
    expect(faultsOf(draft)).toEqual({});
    expect(faultsOf({ ...draft, quiet_from: "", quiet_to: "" })).toEqual({});
    expect(Object.keys(faultsOf({ ...draft, quiet_to: "" }))).toEqual(["quiet_to"]);
    expect(Object.keys(faultsOf({ ...draft, quiet_to: "22:00" }))).toEqual(["quiet_to"]);
    expect(Object.keys(faultsOf({ ...draft, quiet_from: "25:00", digest_at: "8" }))).toEqual([
      "quiet_from",
      "digest_at",
    ]);
  });

  it("are one sentence", () => {
    expect(quietWords(draft)).toContain("from 22:00 to 07:00 of the next day; those of high");
    expect(quietWords({ ...draft, quiet_from: "12:00", quiet_to: "13:00" })).toContain("to 13:00;");
    expect(quietWords({ ...draft, quiet_from: "", quiet_to: "" })).toBe("Messages come at any hour.");
  });
});

it("never loses a stored value that nobody offers", () => {
  expect(withStored(WINDOWS, 60)).toHaveLength(WINDOWS.length);
  expect(withStored(WINDOWS, 45).at(-1)).toEqual({ value: "45", label: "45 seconds" });
});

it("offers the reader's own zone first, each once", () => {
  const zones = zonesOf("Europe/London", "UTC");
  expect(zones.slice(0, 3)).toEqual(["Europe/London", "UTC", "Asia/Kolkata"]);
  expect(new Set(zones).size).toBe(zones.length);
});
