/** The market as the frame sees it: session, clock, source, lights. Live by the room, else by REST. */
import { useQuery } from "@tanstack/react-query";
import { marketQuery } from "@/shared/api/queries";
import type { Breadth, MarketSession, SectorRow, SourceInfo } from "@/shared/api/types";
import { toMillis } from "@/shared/format/time";
import { useRoomData } from "./hooks";

export function useMarketPart<T>(part: string): T | undefined {
  const live = useRoomData<T>("market", part);
  const { data } = useQuery({ ...marketQuery, enabled: live === undefined });
  return live ?? ((data as unknown as Record<string, T> | undefined)?.[part] as T | undefined);
}

export const useMarketSession = () => useMarketPart<MarketSession>("session");
export const useBreadth = () => useMarketPart<Breadth>("breadth");
export const useSource = () => useMarketPart<SourceInfo>("source");
export const useSectors = () => useMarketPart<SectorRow[]>("sectors");

/** The market's own clock in ms: in a replay it is the recorded day's. Null before the first answer. */
export function useMarketClock(): number | null {
  return toMillis(useMarketPart<string | number>("clock"));
}

/** Keys of one of the market's lists ("top_gainers" …). */
export function useMarketList(name: string): string[] | undefined {
  return useRoomData<Record<string, string[]>>("market", "lists")?.[name];
}

export function sourceWord(source: SourceInfo | undefined): string {
  if (!source) return "…";
  // A label that says it already is not made to say it twice.
  const said = source.label.toUpperCase().includes("SIMULATED");
  return source.is_simulated && !said ? `SIMULATED · ${source.label}` : source.label;
}
