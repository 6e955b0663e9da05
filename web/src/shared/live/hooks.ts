/** React's side of the live data. */
import { useCallback, useEffect, useMemo, useState, useSyncExternalStore } from "react";
import { LiveRooms, type RoomState } from "./client";
import { QuoteStore, type Row, type Value } from "./quotes";

export const quotes = new QuoteStore();
export const rooms = new LiveRooms(quotes);

/** Stays in a room while mounted and renders on its data (not on each row). */
export function useRoom(name: string | null): RoomState {
  const subscribe = useCallback(
    (listener: () => void) => {
      if (!name) return () => {};
      const release = rooms.use(name);
      const silence = rooms.listen(name, listener);
      return () => {
        silence();
        release();
      };
    },
    [name],
  );
  return useSyncExternalStore(subscribe, () => rooms.state(name ?? ""));
}

/** Stays in a room without rendering on it. */
export function useJoin(name: string | null): void {
  useEffect(() => (name ? rooms.use(name) : undefined), [name]);
}

/** One part of a room's data; renders only when that part changes. */
export function useRoomData<T>(name: string, part: string): T | undefined {
  const subscribe = useCallback(
    (listener: () => void) => {
      const release = rooms.use(name);
      const silence = rooms.listen(name, listener);
      return () => {
        silence();
        release();
      };
    },
    [name],
  );
  return useSyncExternalStore(subscribe, () => rooms.state(name).data[part]) as T | undefined;
}

export function useQuote(key: string): Row {
  const subscribe = useCallback((listener: () => void) => quotes.listen(key, listener), [key]);
  return useSyncExternalStore(subscribe, () => quotes.get(key));
}

export function useQuoteField(key: string, field: string): Value | undefined {
  const subscribe = useCallback((listener: () => void) => quotes.listen(key, listener), [key]);
  return useSyncExternalStore(subscribe, () => quotes.get(key)[field]);
}

/** A number that grows at most every `everyMs` while the component is mounted: sorts and maps read by it. */
export function usePace(everyMs: number, paused = false): number {
  const [beat, setBeat] = useState(0);
  useEffect(() => {
    if (paused) return;
    const timer = setInterval(() => {
      if (!document.hidden) setBeat((old) => old + 1);
    }, everyMs);
    return () => clearInterval(timer);
  }, [everyMs, paused]);
  return beat;
}

/** Rows of many instruments, read at most every `everyMs`. */
export function useQuotes(keys: readonly string[], everyMs: number, paused = false): Row[] {
  const beat = usePace(everyMs, paused);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the beat is what asks for a new reading
  return useMemo(() => keys.map((key) => quotes.get(key)), [keys, beat]);
}

/** Our clock in ms, renewed each second: ages count by it. */
export function useNow(everyMs = 1000): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}
