import { beforeEach, describe, expect, it, vi } from "vitest";
import { type Ack, LiveRooms, type Wire } from "./client";
import { QuoteStore } from "./quotes";

function setUp() {
  const quotes = new QuoteStore((flush) => flush());
  const rooms = new LiveRooms(quotes, () => 1_000);
  const joins: [string, string | null][] = [];
  const leaves: string[] = [];
  let answer: Ack = { ok: true };
  const wire: Wire = {
    join: (room, position, done) => {
      joins.push([room, position]);
      done(answer);
    },
    leave: (room) => leaves.push(room),
  };
  return { quotes, rooms, joins, leaves, wire, refuse: (error: string) => (answer = { ok: false, error }) };
}

const snapshot = {
  room: "market",
  position: "e1:7",
  columns: ["close"],
  rows: [["NSE:A", 10]],
  data: { breadth: 1 },
};

describe("live rooms", () => {
  beforeEach(() => vi.useFakeTimers());

  it("joins once for many users and leaves five seconds after the last", () => {
    const { rooms, joins, leaves, wire } = setUp();
    rooms.connected(wire);
    const first = rooms.use("market");
    const second = rooms.use("market");
    expect(joins).toEqual([["market", null]]);
    first();
    first();
    vi.advanceTimersByTime(6000);
    expect(leaves).toEqual([]);
    second();
    vi.advanceTimersByTime(4000);
    const again = rooms.use("market");
    vi.advanceTimersByTime(6000);
    expect(leaves).toEqual([]);
    again();
    vi.advanceTimersByTime(5001);
    expect(leaves).toEqual(["market"]);
    expect(joins).toHaveLength(1);
  });

  it("takes deltas in order, by the snapshot's columns", () => {
    const { quotes, rooms, wire } = setUp();
    rooms.connected(wire);
    rooms.use("market");
    rooms.snapshot(snapshot);
    rooms.delta({ room: "market", seq: 8, rows: [["NSE:A", 11]], data: { lists: {} } });
    expect(quotes.get("NSE:A").close).toBe(11);
    expect(rooms.state("market")).toMatchObject({ status: "live", data: { breadth: 1, lists: {} }, gaps: 0 });
  });

  it("asks for a whole snapshot after a gap, counts it, and shows the last good value meanwhile", () => {
    const { quotes, rooms, joins, wire } = setUp();
    rooms.connected(wire);
    rooms.use("market");
    rooms.snapshot(snapshot);
    rooms.delta({ room: "market", seq: 10, rows: [["NSE:A", 99]] });
    expect(quotes.get("NSE:A").close).toBe(10);
    expect(rooms.state("market")).toMatchObject({ status: "resyncing", gaps: 1 });
    expect(joins.at(-1)).toEqual(["market", null]);
    rooms.delta({ room: "market", seq: 11, rows: [["NSE:A", 98]] });
    expect(quotes.get("NSE:A").close).toBe(10);
    rooms.snapshot({ ...snapshot, position: "e1:11", rows: [["NSE:A", 98]] });
    expect(rooms.state("market")).toMatchObject({ status: "live", gaps: 1 });
  });

  it("drops what a snapshot already holds", () => {
    const { quotes, rooms, wire } = setUp();
    rooms.connected(wire);
    rooms.use("market");
    rooms.snapshot(snapshot);
    rooms.delta({ room: "market", seq: 7, rows: [["NSE:A", 1]] });
    expect(quotes.get("NSE:A").close).toBe(10);
    expect(rooms.state("market").gaps).toBe(0);
  });

  it("comes back with its position and keeps the values while away", () => {
    const { rooms, joins, wire } = setUp();
    rooms.connected(wire);
    rooms.use("market");
    rooms.snapshot(snapshot);
    rooms.delta({ room: "market", seq: 8 });
    rooms.disconnected();
    expect(rooms.state("market")).toMatchObject({ status: "offline", data: { breadth: 1 } });
    rooms.connected(wire);
    expect(joins.at(-1)).toEqual(["market", "e1:8"]);
  });

  it("starts over when the server says so", () => {
    const { rooms, joins, wire } = setUp();
    rooms.connected(wire);
    rooms.use("market");
    rooms.snapshot(snapshot);
    rooms.resync("market");
    expect(joins.at(-1)).toEqual(["market", null]);
  });

  it("counts an alert into the sequence, once", () => {
    const { rooms, wire } = setUp();
    rooms.connected(wire);
    rooms.use("user:o");
    rooms.snapshot({ room: "user:o", position: "e1:3" });
    expect(rooms.said({ room: "user:o", seq: 4 })).toBe(true);
    expect(rooms.said({ room: "user:o", seq: 4 })).toBe(false);
    expect(rooms.said({ room: "user:o", seq: 5 })).toBe(true);
    expect(rooms.state("user:o").gaps).toBe(0);
  });

  it("says why a room was refused", () => {
    const { rooms, wire, refuse } = setUp();
    refuse("not yours");
    rooms.connected(wire);
    rooms.use("watchlist:1");
    expect(rooms.state("watchlist:1")).toMatchObject({ status: "refused", error: "not yours" });
  });
});
