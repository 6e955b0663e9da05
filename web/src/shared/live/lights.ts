/** The three lights: browser to server, server to feeds, evaluator. Each can fail alone. */
import { duration } from "@/shared/format/time";
import { rooms, useNow, useRoomData } from "./hooks";
import { useLink } from "./socket";

export type Tone = "ok" | "warn" | "bad";

export interface Light {
  name: string;
  tone: Tone;
  words: string;
  /** Two or three words, for the top bar. */
  short: string;
}

interface Said {
  state: string;
  text: string;
}

const TONES: Record<string, Tone> = {
  running: "ok",
  paused: "warn",
  ended: "warn",
  stale: "warn",
  none: "warn",
  starting: "warn",
  behind: "warn",
  degraded: "warn",
  error: "bad",
  down: "bad",
  unknown: "bad",
};

/** No frame for this long, while connected, is worth a word. */
const QUIET_S = 10;

export function useLights(): Light[] {
  const now = useNow();
  const link = useLink();
  const lights = useRoomData<{ feeds?: Said; evaluator?: Said }>("market", "lights");
  const quiet = (now - rooms.state("market").received) / 1000;
  return [
    pageLight(link.link, (now - link.since) / 1000, rooms.state("market").received > 0 ? quiet : 0),
    serverLight("Feeds", link.link === "connected", lights?.feeds),
    serverLight("Evaluator", link.link === "connected", lights?.evaluator),
  ];
}

export function pageLight(link: string, since: number, quiet: number): Light {
  const name = "This page";
  if (link === "connecting") return { name, tone: "warn", words: "is connecting", short: "Connecting" };
  if (link !== "connected")
    return {
      name,
      tone: "bad",
      words: `lost the server ${duration(since)} ago and is trying again`,
      short: "Reconnecting",
    };
  if (quiet > QUIET_S)
    return { name, tone: "warn", words: `is connected; no change for ${duration(quiet)}`, short: "Quiet" };
  return { name, tone: "ok", words: "is connected to the server", short: "Live" };
}

function serverLight(name: string, connected: boolean, said: Said | undefined): Light {
  if (!connected)
    return { name, tone: "warn", words: "are not known while the server is away", short: `${name} unknown` };
  if (!said) return { name, tone: "warn", words: "have not reported yet", short: `${name} …` };
  return {
    name,
    tone: TONES[said.state] ?? "warn",
    words: said.text,
    short: `${name === "Feeds" ? "Feed" : name} ${said.state === "stale" ? "silent" : said.state}`,
  };
}
