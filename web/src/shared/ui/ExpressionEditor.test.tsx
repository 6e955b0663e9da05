// @vitest-environment jsdom
import "@/shared/test-setup";
import { act, cleanup, fireEvent, render, screen } from "@testing-library/react";
import { useState } from "react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Completion, ExpressionEditor, type ExpressionEditorProps, startOf } from "./ExpressionEditor";

const item = (label: string, insert = label) => ({
  label,
  insert,
  kind: "field",
  detail: `What ${label} is`,
});
const offered: Completion = { from: 0, to: 2, items: [item("roe"), item("roce")] };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

function show(props: Partial<ExpressionEditorProps> = {}, start = "") {
  function Held() {
    const [value, setValue] = useState(start);
    return <ExpressionEditor label="Query" kind="screen" value={value} onChange={setValue} {...props} />;
  }
  render(<Held />);
  return screen.getByRole<HTMLTextAreaElement>("textbox", { name: "Query" });
}

function type(field: HTMLTextAreaElement, text: string) {
  fireEvent.change(field, { target: { value: text } });
}

const wait = (ms = 150) => act(() => vi.advanceTimersByTimeAsync(ms));

describe("suggestions", () => {
  it("come while one types, are chosen by arrows and taken by Tab", async () => {
    const field = show({ complete: async () => offered });
    type(field, "ro");
    expect(screen.queryByRole("listbox")).toBeNull();
    await wait();
    const options = screen.getAllByRole("option");
    expect(options.map((one) => one.getAttribute("aria-selected"))).toEqual(["true", "false"]);
    expect(field.getAttribute("aria-activedescendant")).toBe(options[0]?.id);
    fireEvent.keyDown(field, { key: "ArrowDown" });
    expect(field.getAttribute("aria-activedescendant")).toBe(options[1]?.id);
    fireEvent.keyDown(field, { key: "Tab" });
    expect(field.value).toBe("roce");
    expect(screen.queryByRole("listbox")).toBeNull();
  });

  it("are told to the server in characters", async () => {
    const complete = vi.fn(async () => offered);
    type(show({ complete }), "🐂 ro");
    await wait();
    expect(complete).toHaveBeenCalledWith("🐂 ro", 4);
  });

  it("that answer too late are not shown", async () => {
    const late = new Promise<Completion>((resolve) => setTimeout(() => resolve(offered), 1000));
    const field = show({ complete: () => late });
    type(field, "ro");
    await wait();
    type(field, "");
    await wait(2000);
    expect(screen.queryByRole("listbox")).toBeNull();
  });

  it("close with Escape, and only they", async () => {
    const outer = vi.fn();
    const field = show({ complete: async () => offered });
    document.addEventListener("keydown", outer);
    type(field, "ro");
    await wait();
    fireEvent.keyDown(field, { key: "Escape" });
    expect(screen.queryByRole("listbox")).toBeNull();
    expect(field.value).toBe("ro");
    document.removeEventListener("keydown", outer);
    expect(outer).not.toHaveBeenCalled();
  });

  it("leave Enter alone where the word is whole or nothing is typed of it", () => {
    expect(startOf("roe", { from: 0, to: 3, items: [item("roe")] })).toBeNull();
    expect(startOf("pe", { from: 0, to: 2, items: [item("pe"), item("peg")] })?.active).toBe(-1);
    expect(startOf("pe", { from: 0, to: 2, items: [item("fund.pe")] })?.active).toBe(-1);
    expect(startOf("pe ", { from: 3, to: 3, items: [item("<")] })?.active).toBe(-1);
    expect(startOf("ro", offered)?.active).toBe(0);
  });
});

describe("errors", () => {
  const errors = [{ line: 2, column: 5, message: "unknown field `roo`: did you mean `roe`?" }];

  it("are marked at their place, said in words, and lead there", () => {
    const field = show({ errors }, "pe < 15\nand roo > 15");
    expect(document.querySelector("mark")?.textContent).toBe("roo");
    expect(field.getAttribute("aria-invalid")).toBe("true");
    const list = document.getElementById(field.getAttribute("aria-describedby")?.split(" ")[0] ?? "");
    expect(list?.textContent).toContain("2:5 unknown field");
    fireEvent.click(screen.getByRole("button", { name: /^2:5/ }));
    expect(document.activeElement).toBe(field);
    expect(field.selectionStart).toBe("pe < 15\nand ".length);
  });
});

describe("submitting", () => {
  it("is Ctrl+Enter, and Enter where there is one line", () => {
    const onSubmit = vi.fn();
    const field = show({ onSubmit });
    fireEvent.keyDown(field, { key: "Enter" });
    expect(onSubmit).not.toHaveBeenCalled();
    fireEvent.keyDown(field, { key: "Enter", ctrlKey: true });
    expect(onSubmit).toHaveBeenCalledTimes(1);
    cleanup();
    fireEvent.keyDown(show({ onSubmit, kind: "expression" }), { key: "Enter" });
    expect(onSubmit).toHaveBeenCalledTimes(2);
  });
});
