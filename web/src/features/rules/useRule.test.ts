// @vitest-environment jsdom
import "@/shared/test-setup";
import { act, cleanup, renderHook } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { checkRule, writeForm } from "@/shared/api/rules";
import type { CheckedRule, RuleForm } from "@/shared/api/ruleTypes";
import { newForm, scopeOf, TICK } from "./forms";
import { isGood, useRule } from "./useRule";

vi.mock("@/shared/api/rules", () => ({ checkRule: vi.fn(), writeForm: vi.fn() }));
const check = vi.mocked(checkRule);
const write = vi.mocked(writeForm);

const form: RuleForm = {
  ...newForm(
    "uid",
    { op: "crosses", direction: "above", left: "close", right: "5" },
    [scopeOf("NSE:INFY")],
    TICK,
  ),
  name: "A",
};
const rule = (text: string, change: Partial<CheckedRule> = {}): CheckedRule => ({
  kind: "alert",
  name: "A",
  rule_uid: "uid",
  text,
  sentence: `Tells: ${text}`,
  form,
  plan: {} as CheckedRule["plan"],
  ...change,
});
const read = (text: string) => ({ ok: true, errors: [], rules: [rule(text)] });
const settle = (ms = 1000) => act(() => vi.advanceTimersByTimeAsync(ms));

beforeEach(() => {
  vi.useFakeTimers();
  check.mockReset().mockImplementation(async (text) => read(text));
  write
    .mockReset()
    .mockImplementation(async (of) => ({ text: `alert "${of.name}"`, sentence: "", errors: [] }));
});
afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

describe("one rule under three views", () => {
  it("lets the server read what is typed, once a pause is made", async () => {
    const { result } = renderHook(() => useRule({}));
    for (const text of ["a", "al", "alert"]) act(() => result.current.setText(text));
    expect(isGood(result.current.state)).toBe(false);
    await settle();
    expect(check.mock.calls.map(([text]) => text)).toEqual(["alert"]);
    expect(result.current.state.form).toBe(form);
    expect(isGood(result.current.state)).toBe(true);
  });

  it("does not hear an answer that an older question brings late", async () => {
    let late: (found: ReturnType<typeof read>) => void = () => {};
    check.mockImplementationOnce(
      () =>
        new Promise((done) => {
          late = done;
        }),
    );
    const { result } = renderHook(() => useRule({}));
    act(() => result.current.setText("old"));
    await settle();
    act(() => result.current.setText("new"));
    await settle();
    await act(async () => late(read("old")));
    expect(result.current.state.text).toBe("new");
    expect(result.current.state.sentence).toBe("Tells: new");
  });

  it("lets the server write the form, and leaves the form as it is typed", async () => {
    const typed: RuleForm = { ...form, when: { ...form.when, right: "5.0" } as RuleForm["when"] };
    const { result } = renderHook(() => useRule({ form }));
    await settle();
    act(() => result.current.setForm(typed));
    await settle();
    expect(result.current.state.text).toBe('alert "A"');
    expect(result.current.state.form).toBe(typed);
  });

  it("asks nothing while a blank is empty", async () => {
    const { result } = renderHook(() => useRule({ form: { ...form, on: [] } }));
    await settle();
    expect(write).not.toHaveBeenCalled();
    expect(result.current.state.isUnfinished).toBe(true);
    expect(isGood(result.current.state)).toBe(false);
  });

  it("keeps the faults of a form at their places, and is not good with them", async () => {
    const fault = { path: "when.left", message: "unknown field `clos`" };
    write.mockResolvedValueOnce({ text: "", sentence: "", errors: [fault] });
    const { result } = renderHook(() => useRule({ form }));
    await settle();
    expect(result.current.state.formErrors).toEqual([fault]);
    expect(isGood(result.current.state)).toBe(false);
    act(() => result.current.setForm({ ...form }));
    await settle();
    expect(isGood(result.current.state)).toBe(true);
  });

  it("has no form of a text that cannot be read, and one of a text whose names nobody knows", async () => {
    const { result } = renderHook(() => useRule({}));
    const fault = { line: 1, column: 1, message: "unexpected", reason: "syntax" };
    check.mockResolvedValueOnce({ ok: false, errors: [fault], rules: [] });
    act(() => result.current.setText("alrt"));
    await settle();
    expect(result.current.state.form).toBeNull();
    const unknown = { ...fault, message: "there is no list", reason: "name" };
    check.mockResolvedValueOnce({ ok: false, errors: [unknown], rules: [rule("alert")] });
    act(() => result.current.setText("alert"));
    await settle();
    expect(result.current.state.form).toBe(form);
    expect(result.current.state.textErrors).toEqual([unknown]);
    expect(isGood(result.current.state)).toBe(false);
  });

  it("refuses a screen, and a second alert", async () => {
    const { result } = renderHook(() => useRule({}));
    check.mockResolvedValueOnce({ ...read("x"), rules: [rule("x", { kind: "screen" })] });
    act(() => result.current.setText("screen"));
    await settle();
    expect(result.current.state.textErrors[0]?.reason).toBe("screen");
    check.mockResolvedValueOnce({ ...read("x"), rules: [rule("x"), rule("y")] });
    act(() => result.current.setText("two"));
    await settle();
    expect(result.current.state.textErrors[0]?.message).toContain("these are 2");
  });

  it("says that the server is away, and asks again when told to", async () => {
    check.mockRejectedValueOnce(new Error("away"));
    const { result } = renderHook(() => useRule({}));
    act(() => result.current.setText("alert"));
    await settle();
    expect(result.current.state.failure?.message).toBe("away");
    expect(isGood(result.current.state)).toBe(false);
    act(() => result.current.again());
    await settle();
    expect(isGood(result.current.state)).toBe(true);
  });
});
