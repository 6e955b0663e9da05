/** Socket.IO for `LiveRooms`: websocket only, back-off with jitter, a fresh token at each attempt. */
import { io, type Socket } from "socket.io-client";
import { create } from "zustand";
import type { Ack, Delta, LiveRooms, Said, Snapshot } from "./client";

export type Link = "connecting" | "connected" | "lost" | "refused";

interface LinkState {
  link: Link;
  since: number;
  attempts: number;
  reason: string | null;
}

export const useLink = create<LinkState>(() => ({
  link: "connecting",
  since: Date.now(),
  attempts: 0,
  reason: null,
}));

function mark(link: Link, reason: string | null = null): void {
  useLink.setState((old) => ({
    link,
    reason,
    since: old.link === link ? old.since : Date.now(),
    attempts: link === "connected" ? 0 : old.attempts + (link === "lost" ? 1 : 0),
  }));
}

export interface Session {
  live_url: string;
  live_token: string;
}

/** Opens the connection; `session` is asked again before each attempt, since tokens age. */
export function openSocket(
  rooms: LiveRooms,
  session: () => Promise<Session>,
  onAlert: (alert: unknown) => void,
): () => void {
  let socket: Socket | null = null;
  let closed = false;
  let waiting: ReturnType<typeof setTimeout> | null = null;

  const start = async (delay: number): Promise<void> => {
    try {
      const first = await session();
      if (closed) return;
      socket = io(first.live_url, {
        path: "/socket.io",
        transports: ["websocket"],
        reconnectionDelay: 500,
        reconnectionDelayMax: 8000,
        randomizationFactor: 0.5,
        auth: (send) => {
          session()
            .then((fresh) => send({ token: fresh.live_token }))
            .catch(() => send({ token: first.live_token }));
        },
      });
      attach(socket);
    } catch {
      mark("lost", "The server does not answer.");
      const jittered = delay * (0.5 + Math.random());
      if (!closed) waiting = setTimeout(() => void start(Math.min(8000, delay * 2)), jittered);
    }
  };

  const attach = (live: Socket): void => {
    live.on("connect", () => {
      mark("connected");
      rooms.connected({
        join: (room, position, done) =>
          live.emit("join", position ? { room, position } : { room }, (ack: Ack) => done(ack)),
        leave: (room) => live.emit("leave", { room }),
      });
    });
    live.on("disconnect", (reason) => {
      mark("lost", reason);
      rooms.disconnected();
      // The server said goodbye (restart): Socket.IO does not come back by itself then.
      if (reason === "io server disconnect" && !closed) live.connect();
    });
    live.on("connect_error", (error) => mark("lost", error.message));
    live.on("snapshot", (message: Snapshot) => rooms.snapshot(message));
    live.on("delta", (message: Delta) => rooms.delta(message));
    live.on("resync", (message: { room: string }) => rooms.resync(message.room));
    live.on("alert", (message: Said) => {
      if (rooms.said(message)) onAlert(message);
    });
  };

  const wake = (): void => {
    if (!document.hidden && socket && !socket.connected) socket.connect();
  };
  document.addEventListener("visibilitychange", wake);
  window.addEventListener("online", wake);
  void start(500);
  return () => {
    closed = true;
    if (waiting) clearTimeout(waiting);
    document.removeEventListener("visibilitychange", wake);
    window.removeEventListener("online", wake);
    socket?.disconnect();
  };
}
