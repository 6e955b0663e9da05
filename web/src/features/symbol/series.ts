/** Series of a chart: asked for by REST, kept up by the instrument's live room. */
import { queryOptions, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { api, unwrap } from "@/shared/api/client";
import type { SeriesSet } from "@/shared/api/types";
import { toMillis } from "@/shared/format/time";

export interface Point {
  /** Start of the bar, whole seconds since 1970 UTC. */
  time: number;
  value: number | null;
}

export interface Line {
  expression: string;
  type: string;
  points: Point[];
}

export interface Lines {
  /** Names the set in the live room. */
  request: string | null;
  lines: Map<string, Line>;
  error: unknown;
  isPending: boolean;
}

/** As often as the server forgets a chart nobody asks for any more, and a bit. */
const AGAIN_MS = 30_000;

const seriesQuery = (id: string, timeframe: string, expressions: readonly string[], limit: number) =>
  queryOptions({
    queryKey: ["series", id, timeframe, limit, ...expressions],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET("/api/stocks/{stock_id}/series", {
          params: {
            path: { stock_id: id },
            query: { timeframe, limit, expressions: expressions.join("; ") },
          },
          signal,
        }),
      ),
    enabled: expressions.length > 0,
    staleTime: AGAIN_MS,
    refetchInterval: AGAIN_MS,
    retry: 1,
  });

export function useSeries(
  id: string,
  timeframe: string,
  expressions: readonly string[],
  limit: number,
): Lines {
  const query = useQuery(seriesQuery(id, timeframe, expressions, limit));
  const set = query.data;
  return useMemo(
    () => ({
      request: set?.request_id ?? null,
      lines: set ? linesOf(set) : new Map(),
      error: query.error,
      isPending: query.isPending && expressions.length > 0,
    }),
    [set, query.error, query.isPending, expressions.length],
  );
}

export function linesOf(set: SeriesSet): Map<string, Line> {
  const times = set.starts.map((start) => Math.floor((toMillis(start) ?? 0) / 1000));
  return new Map(
    set.series.map((one) => [
      one.expression,
      {
        expression: one.expression,
        type: one.type,
        points: one.values.map((value, at) => ({
          time: times[at] ?? 0,
          value: value === null ? null : Number(value),
        })),
      },
    ]),
  );
}

/** The newest points of a set as the room tells them: for each bar its start, then the values in order. */
export function pointsOf(
  data: unknown,
  request: string | null,
): { time: number; values: (number | null)[] }[] {
  const sets = (data ?? {}) as Record<string, { points?: unknown[][] }>;
  const points = request === null ? undefined : sets[request]?.points;
  const found: { time: number; values: (number | null)[] }[] = [];
  for (const point of points ?? []) {
    const millis = toMillis(point[0] as number);
    if (millis === null) continue;
    found.push({
      time: Math.floor(millis / 1000),
      values: point.slice(1).map((value) => (typeof value === "number" ? value : null)),
    });
  }
  return found;
}
