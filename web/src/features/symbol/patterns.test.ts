import { describe, expect, it } from "vitest";
import type { PatternItem } from "@/shared/api/types";
import * as numbers from "@/shared/format/numbers";
import * as time from "@/shared/format/time";
import type { Formats } from "@/shared/format/use";
import { measuredWords, numberWords, PATTERN_NAMES, plainWords, spanWords, stateOfFlag } from "./patterns";

const zone = "Asia/Kolkata";
const formats = {
  zoneWord: "IST",
  number: (value, most, least) => numbers.number(value, "en-IN", most, least),
  percent: (value, options) => numbers.percent(value, "en-IN", options),
  clock: (value, seconds) => time.clock(value, zone, seconds),
  day: (value) => time.day(value, zone),
  dayShort: (value) => time.dayShort(value, zone),
} as Formats;

const item = (pattern: string, found: [string, string | null, string][]): PatternItem => ({
  pattern,
  title: "",
  state: "present",
  score: null,
  threshold: "8",
  basis: "",
  definition: "",
  reason: "",
  reference: "",
  caution: "",
  evidence: {
    start: "2021-04-28T04:44:00.000Z",
    end: "2021-04-28T04:45:00.000Z",
    numbers: found.map(([name, value, unit]) => ({ name, label: name, value, unit })),
  },
});

describe("patterns in words", () => {
  it("say what was measured against what", () => {
    const words = measuredWords(
      item("volume_spike", [
        ["volume", "123456", "units"],
        ["before", "12000.4", "units"],
        ["times", "10.288", "x"],
        ["deviations", "11.5", ""],
      ]),
      formats,
    );
    expect(words).toBe(
      "1,23,456 traded in the minute against a mean of 12,000 in the minutes before (10.3×), 11.5 standard deviations from the usual.",
    );
  });

  it("leave no number out, and make up none", () => {
    for (const pattern of PATTERN_NAMES) {
      expect(plainWords(pattern)).toMatch(/^[A-Z].*\.$/);
      expect(measuredWords(item(pattern, []), formats)).toContain("—");
    }
    expect(measuredWords(item("a new one", []), formats)).toBeNull();
    expect(measuredWords({ ...item("layering", []), evidence: null }, formats)).toBeNull();
  });

  it("write each unit its own way", () => {
    expect(numberWords("side", "1", "", formats)).toBe("ask");
    expect(numberWords("recent", "0.0312", "%", formats)).toMatch(/^0\.031\s?%$/);
    expect(numberWords("ratio", "3.14", "x", formats)).toBe("3.1×");
    expect(numberWords("added", "1.255", "units", formats)).toMatch(/^1\.2[56]$/);
    expect(numberWords("added", null, "units", formats)).toBe("—");
  });

  it("name the day once", () => {
    expect(spanWords("2021-04-28T04:44:00Z", "2021-04-28T04:45:00Z", formats)).toBe(
      "28 Apr, 10:14:00 to 10:15:00 IST",
    );
    expect(spanWords("2021-04-28T18:29:00Z", "2021-04-28T18:31:00Z", formats)).toBe(
      "28 Apr, 23:59:00 to 29 Apr, 00:01:00 IST",
    );
  });

  it("keep unknown apart from absent", () => {
    expect([1, true, 0, false, null, undefined, "x"].map(stateOfFlag)).toEqual([
      "present",
      "present",
      "absent",
      "absent",
      "unknown",
      "unknown",
      "unknown",
    ]);
  });
});
