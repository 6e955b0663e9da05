/** A screen's room: its members' prices, who entered and who left. Renders on those, not on each price. */
import { useEffect, useRef, useState } from "react";
import { rooms } from "@/shared/live/hooks";
import { type Event, fresh, type Said } from "./comings";

const MOST_EVENTS = 30;

export interface ScreenRoom {
  /** The newest first. */
  events: readonly Event[];
  /** Members as the room counts them. */
  count: number | null;
  status: string;
}

const EMPTY: ScreenRoom = { events: [], count: null, status: "joining" };

/** Joins while `screen_id` is not null; `onEvents` hears each event once. */
export function useScreenRoom(
  screen_id: string | null,
  onEvents: (events: readonly Event[]) => void,
): ScreenRoom {
  const [room, setRoom] = useState(EMPTY);
  const hear = useRef(onEvents);
  useEffect(() => {
    hear.current = onEvents;
  });
  useEffect(() => {
    setRoom(EMPTY);
    if (!screen_id) return;
    const name = `screen:${screen_id}`;
    let shown = EMPTY;
    let last: unknown;
    const look = () => {
      const { data, status } = rooms.state(name);
      const count = (data.screen as { count?: number } | undefined)?.count ?? null;
      const said = data.events === last ? [] : fresh(shown.events, (data.events ?? []) as Said[]);
      // What the first answer tells was before we came: it is shown, and is no news.
      const isNews = last !== undefined;
      if (status === "live") last = data.events ?? null;
      if (said.length === 0 && count === shown.count && status === shown.status) return;
      shown = { events: [...said, ...shown.events].slice(0, MOST_EVENTS), count, status };
      setRoom(shown);
      if (isNews && said.length > 0) hear.current(said);
    };
    const release = rooms.use(name);
    const silence = rooms.listen(name, look);
    look();
    return () => {
      silence();
      release();
    };
  }, [screen_id]);
  return room;
}
