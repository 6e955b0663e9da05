// @vitest-environment jsdom
import "@/shared/test-setup";
import { act, cleanup, renderHook } from "@testing-library/react";
import { afterEach, expect, it, vi } from "vitest";
import { rooms } from "@/shared/live/hooks";
import { useScreenRoom } from "./useRoom";

// A room outlives its last user for a while: each test has its own.
let id = "";
let count = 0;
const entered = (instrument: string, at: number) => ({ event: "enter" as const, instrument, at });

afterEach(() => {
  cleanup();
  rooms.disconnected();
});

function join(onEvents = vi.fn()) {
  count += 1;
  id = `screen-${count}`;
  rooms.connected({ join: () => {}, leave: () => {} });
  const hook = renderHook(() => useScreenRoom(id, onEvents));
  return { ...hook, onEvents };
}

const snapshot = (position: string, events: unknown[], members: number) =>
  act(() => rooms.snapshot({ room: `screen:${id}`, position, data: { screen: { count: members }, events } }));
const delta = (seq: number, data: Record<string, unknown>) =>
  act(() => rooms.delta({ room: `screen:${id}`, seq, data }));

it("shows what was before, and tells only what comes after", () => {
  const { result, onEvents } = join();
  snapshot("a:1", [entered("NSE:INFY", 1)], 5);
  expect(result.current).toMatchObject({ count: 5, status: "live" });
  expect(result.current.events).toHaveLength(1);
  expect(onEvents).not.toHaveBeenCalled();
  delta(2, { screen: { count: 6 }, events: [entered("NSE:TCS", 2)] });
  expect(result.current.count).toBe(6);
  expect(onEvents).toHaveBeenCalledExactlyOnceWith([entered("NSE:TCS", 2)]);
});

it("hears each message's events once, prices in between or not", () => {
  const { result, onEvents } = join();
  snapshot("b:1", [], 5);
  delta(2, { events: [entered("NSE:TCS", 2)] });
  delta(3, {});
  delta(4, { events: [entered("NSE:TCS", 2), entered("NSE:WIPRO", 3)] });
  expect(onEvents.mock.calls.map(([events]) => events)).toEqual([
    [entered("NSE:TCS", 2)],
    [entered("NSE:WIPRO", 3)],
  ]);
  expect(result.current.events.map((one) => one.instrument)).toEqual(["NSE:WIPRO", "NSE:TCS"]);
});

it("tells what happened while the connection was away", () => {
  const { onEvents } = join();
  snapshot("c:1", [entered("NSE:INFY", 1)], 5);
  act(() => rooms.disconnected());
  snapshot("d:9", [entered("NSE:INFY", 1), entered("NSE:TCS", 7)], 6);
  expect(onEvents).toHaveBeenCalledExactlyOnceWith([entered("NSE:TCS", 7)]);
});
