/**
 * The live connection: rooms with snapshot, deltas and sequence; one ref-counted join per room and tab.
 *
 * This file holds the rules; `socket.ts` brings Socket.IO. A delta that is not the next one is a gap:
 * it is counted, the room is marked, and a fresh snapshot is asked for. Nothing is smoothed over.
 */
import type { QuoteStore, Value } from "./quotes";

export interface Ack {
  ok: boolean;
  room?: string;
  error?: string | null;
}

export interface Snapshot {
  room: string;
  position: string;
  as_of?: number | string | null;
  columns?: string[];
  rows?: Value[][];
  data?: unknown;
}

export interface Delta {
  room: string;
  seq: number;
  as_of?: number | string | null;
  rows?: Value[][];
  data?: unknown;
}

/** An event that is never conflated (a fired alert) and still takes a number of its room's sequence. */
export interface Said {
  room?: string;
  seq?: number;
}

/** What the client needs of a socket; the tests bring their own. */
export interface Wire {
  join(room: string, position: string | null, done: (ack: Ack) => void): void;
  leave(room: string): void;
}

export type RoomStatus = "joining" | "live" | "resyncing" | "offline" | "refused";

export interface RoomState {
  status: RoomStatus;
  error: string | null;
  data: Readonly<Record<string, unknown>>;
  as_of: number | string | null;
  /** Our own clock, ms, of the newest frame; staleness is judged by it. */
  received: number;
  gaps: number;
}

interface Room {
  refs: number;
  columns: string[];
  epoch: string;
  seq: number;
  position: string | null;
  state: RoomState;
  listeners: Set<() => void>;
  lingering: ReturnType<typeof setTimeout> | null;
}

const LINGER_MS = 5000;

const OUTSIDE: RoomState = Object.freeze({
  status: "offline",
  error: null,
  data: Object.freeze({}),
  as_of: null,
  received: 0,
  gaps: 0,
});

export class LiveRooms {
  #rooms = new Map<string, Room>();
  #wire: Wire | null = null;
  readonly #quotes: QuoteStore;
  readonly #now: () => number;

  constructor(quotes: QuoteStore, now: () => number = Date.now) {
    this.#quotes = quotes;
    this.#now = now;
  }

  state(room: string): RoomState {
    return this.#rooms.get(room)?.state ?? OUTSIDE;
  }

  /** Joins on the first use; leaves five seconds after the last. */
  use(name: string): () => void {
    let room = this.#rooms.get(name);
    if (!room) {
      room = {
        refs: 0,
        columns: [],
        epoch: "",
        seq: -1,
        position: null,
        state: { ...OUTSIDE, status: this.#wire ? "joining" : "offline" },
        listeners: new Set(),
        lingering: null,
      };
      this.#rooms.set(name, room);
      this.#join(name);
    }
    if (room.lingering !== null) clearTimeout(room.lingering);
    room.lingering = null;
    room.refs += 1;
    const held = room;
    let released = false;
    return () => {
      if (released) return;
      released = true;
      held.refs -= 1;
      if (held.refs > 0) return;
      held.lingering = setTimeout(() => {
        if (held.refs > 0 || this.#rooms.get(name) !== held) return;
        this.#rooms.delete(name);
        this.#wire?.leave(name);
      }, LINGER_MS);
    };
  }

  listen(name: string, listener: () => void): () => void {
    const room = this.#rooms.get(name);
    room?.listeners.add(listener);
    return () => room?.listeners.delete(listener);
  }

  connected(wire: Wire): void {
    this.#wire = wire;
    for (const name of this.#rooms.keys()) this.#join(name);
  }

  disconnected(): void {
    this.#wire = null;
    for (const room of this.#rooms.values()) this.#update(room, { status: "offline" });
  }

  snapshot(message: Snapshot): void {
    const room = this.#rooms.get(message.room);
    if (!room) return;
    const [epoch = "", seq = "0"] = message.position.split(":");
    room.epoch = epoch;
    room.seq = Number(seq);
    room.position = message.position;
    if (message.columns) room.columns = message.columns;
    if (message.rows) this.#quotes.apply(room.columns, message.rows);
    this.#update(room, {
      status: "live",
      error: null,
      data: message.data && typeof message.data === "object" ? (message.data as Record<string, unknown>) : {},
      as_of: message.as_of ?? null,
      received: this.#now(),
    });
  }

  delta(message: Delta): void {
    const room = this.#rooms.get(message.room);
    if (!room || room.seq < 0) return;
    // An older frame that crossed a snapshot on its way is already inside the snapshot.
    if (message.seq <= room.seq) return;
    if (message.seq !== room.seq + 1) {
      this.#update(room, { gaps: room.state.gaps + 1 });
      this.resync(message.room);
      return;
    }
    room.seq = message.seq;
    room.position = `${room.epoch}:${message.seq}`;
    if (message.rows) this.#quotes.apply(room.columns, message.rows);
    const data =
      message.data && typeof message.data === "object"
        ? { ...room.state.data, ...message.data }
        : room.state.data;
    this.#update(room, {
      status: "live",
      data,
      as_of: message.as_of ?? room.state.as_of,
      received: this.#now(),
    });
  }

  /** Counts an event of its own into the room's sequence. False when it was seen before. */
  said(message: Said): boolean {
    const room = message.room ? this.#rooms.get(message.room) : undefined;
    if (!room || message.seq === undefined || room.seq < 0) return true;
    if (message.seq <= room.seq) return false;
    if (message.seq !== room.seq + 1) this.#update(room, { gaps: room.state.gaps + 1 });
    room.seq = message.seq;
    room.position = `${room.epoch}:${message.seq}`;
    this.#update(room, { received: this.#now() });
    return true;
  }

  /** Forgets the position and asks for a whole snapshot; the last good values stay on screen. */
  resync(name: string): void {
    const room = this.#rooms.get(name);
    if (!room) return;
    if (room.state.status === "resyncing") return;
    room.seq = -1;
    room.position = null;
    this.#update(room, { status: "resyncing" });
    this.#join(name);
  }

  #join(name: string): void {
    const room = this.#rooms.get(name);
    if (!room || !this.#wire) return;
    if (room.state.status === "offline" || room.state.status === "refused")
      this.#update(room, { status: "joining" });
    this.#wire.join(name, room.position, (ack) => {
      if (!ack.ok)
        this.#update(room, { status: "refused", error: ack.error ?? "The server refused the room." });
    });
  }

  #update(room: Room, change: Partial<RoomState>): void {
    room.state = { ...room.state, ...change };
    for (const listener of room.listeners) listener();
  }
}
