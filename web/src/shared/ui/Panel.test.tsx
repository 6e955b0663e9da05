// @vitest-environment jsdom
import "@/shared/test-setup";
import { MantineProvider } from "@mantine/core";
import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import type { ReactElement } from "react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ApiError } from "@/shared/api/client";
import { Panel, stateOf } from "./Panel";

const show = (part: ReactElement) => render(<MantineProvider>{part}</MantineProvider>);
afterEach(cleanup);

describe("a panel", () => {
  it("names its region and says source and age", () => {
    const clock = Date.parse("2021-04-28T03:45:15Z");
    show(<Panel title="Breadth" source="replay" asOf="2021-04-28T03:45:03Z" clock={clock} />);
    expect(screen.getByRole("region", { name: "Breadth" }).textContent).toContain("replay · 12 s ago");
  });

  it("shows a skeleton of the final height while it loads", () => {
    show(
      <Panel title="A" state={{ kind: "loading" }} height={300}>
        secret
      </Panel>,
    );
    expect(screen.getByRole("status").style.height).toBe("300px");
    expect(screen.queryByText("secret")).toBeNull();
  });

  it("keeps the values in sight when stale, partial, delayed, closed or offline", () => {
    const states = [
      [{ kind: "stale", seconds: 42 }, "No tick for 42 s"],
      [{ kind: "partial", note: "3 of 50 rows" }, "3 of 50 rows"],
      [{ kind: "delayed", minutes: 15 }, "15 min delayed"],
      [{ kind: "closed", opens: "09:15" }, "opens 09:15"],
      [{ kind: "offline" }, "last values"],
    ] as const;
    for (const [state, words] of states) {
      const { container, unmount } = show(
        <Panel title="A" state={state}>
          1,490.55
        </Panel>,
      );
      expect(container.textContent).toContain("1,490.55");
      expect(container.textContent).toContain(words);
      unmount();
    }
  });

  it("says what failed, what works, offers to try again and the request id", () => {
    const retry = vi.fn();
    const error = new ApiError(503, "unavailable", "The store does not answer.", {}, "abcdef1234567890");
    show(<Panel title="A" state={{ kind: "error", error, works: "Live prices still arrive.", retry }} />);
    const said = screen.getByRole("alert").textContent;
    expect(said).toContain("The store does not answer.");
    expect(said).toContain("Live prices still arrive.");
    expect(said).toContain("abcdef12");
    fireEvent.click(screen.getByRole("button", { name: /Try again/ }));
    expect(retry).toHaveBeenCalledTimes(1);
  });

  it("tries again by itself when the countdown ends", () => {
    vi.useFakeTimers();
    const retry = vi.fn();
    show(<Panel title="A" state={{ kind: "error", error: new Error("no"), retry, retryInS: 3 }} />);
    for (let second = 0; second < 3; second++) vi.advanceTimersByTime(1000);
    vi.useRealTimers();
    expect(screen.getByRole("button", { name: /Try again/ })).toBeTruthy();
  });
});

describe("the state of a query", () => {
  const base = {
    isPending: false,
    isError: false,
    error: null,
    data: [] as unknown,
    refetch: () => undefined,
  };

  it("is an error only while there is nothing to show", () => {
    expect(stateOf({ ...base, isError: true, error: new Error("x"), data: undefined }).kind).toBe("error");
    expect(stateOf({ ...base, isError: true, error: new Error("x"), data: [1] }).kind).toBe("ready");
  });

  it("is empty with its reason", () => {
    expect(stateOf(base, { when: true, why: "None yet." })).toEqual({
      kind: "empty",
      why: "None yet.",
      action: undefined,
    });
  });
});
