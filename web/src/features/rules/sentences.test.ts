import { describe, expect, it } from "vitest";
import { channelText, newForm, scopeOf } from "./forms";
import {
  isFilled,
  OFTEN,
  PATTERNS,
  patternOf,
  readSentence,
  startValues,
  TEMPLATES,
  writeSentence,
} from "./sentences";

const blank = newForm("uid", { op: "text", text: "" });
const scope = scopeOf("NSE:M&M");

it("names channels as the language does", () => {
  expect(channelText({ kind: "slack", name: "desk" })).toBe("slack:desk");
  expect(channelText({ kind: "slack", name: 'the "night" desk' })).toBe('slack:"the \\"night\\" desk"');
});

describe("a sentence with blanks", () => {
  it("reads back what it wrote, whatever the pattern, its choices and how often", () => {
    for (const pattern of PATTERNS) {
      let seen = [{ ...startValues(pattern), ...(pattern.id === "price" && { level: "1600.5" }) }];
      for (const piece of pattern.pieces) {
        if (typeof piece === "string" || !piece.choices) continue;
        seen = seen.flatMap((values) =>
          (piece.choices ?? []).map((one) => ({ ...values, [piece.name]: one.value })),
        );
      }
      for (const values of seen)
        for (const { value: often } of OFTEN) {
          const form = writeSentence(blank, { pattern, values, scope, often });
          expect(readSentence(form)).toEqual({ pattern, values, scope, often });
        }
    }
  });

  it("names the rule after what it says", () => {
    const pattern = patternOf("price");
    if (!pattern) throw new Error("no price");
    expect(
      writeSentence(blank, { pattern, values: { way: "above", level: "1600" }, scope, often: "once" }).name,
    ).toBe("M&M above 1600");
  });

  it("renames what it named, and leaves a name of one’s own", () => {
    const pattern = patternOf("price");
    if (!pattern) throw new Error("no price");
    const first = { pattern, values: { way: "above", level: "1600.50" }, scope, often: "once" };
    const next = { ...first, values: { way: "below", level: "1400" } };
    const form = writeSentence(blank, first);
    expect(writeSentence({ ...form, name: "M&M above 1600.5" }, next).name).toBe("M&M below 1400");
    expect(writeSentence({ ...form, name: "Breakout" }, next).name).toBe("Breakout");
  });

  it("keeps the clauses it does not speak of", () => {
    const [pattern] = PATTERNS;
    if (!pattern) throw new Error("no pattern");
    const form = { ...blank, expires: { after: "30d" }, severity: "high" as const, notify: ["slack:desk"] };
    const next = writeSentence(form, { pattern, values: { way: "above", level: "1" }, scope, often: "once" });
    expect(next).toMatchObject({ expires: { after: "30d" }, severity: "high", notify: ["slack:desk"] });
  });

  it("does not read what says more than it can hold", () => {
    const pattern = patternOf("rsi");
    if (!pattern) throw new Error("no rsi");
    const form = writeSentence(blank, { pattern, values: startValues(pattern), scope, often: "once" });
    expect(readSentence(form)).not.toBeNull();
    expect(readSentence({ ...form, hold: "60s" })).toBeNull();
    expect(readSentence({ ...form, on: [scope, scope] })).toBeNull();
    expect(readSentence({ ...form, when: { op: "and", parts: [form.when, form.when] } })).toBeNull();
    expect(readSentence({ ...form, at: { kind: "close", timeframe: "5m", word: "" } })).toBeNull();
  });

  it("has templates that fill every blank but the level", () => {
    for (const template of TEMPLATES) {
      const pattern = patternOf(template.pattern);
      if (!pattern) throw new Error(template.pattern);
      const level: Record<string, string> = template.pattern === "price" ? { level: "1" } : {};
      expect(isFilled(pattern, { ...template.values, ...level })).toBe(true);
    }
  });
});
