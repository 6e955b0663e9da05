/**
 * What stands between a firing and its reader: acks, silences, preferences, the queue and its dead letters. Apart
 * from the other queries, so that the first page need not load it.
 */
import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, unwrap } from "./client";
import type { components } from "./schema";

type Schemas = components["schemas"];

export type DeliveryState =
  | "queued"
  | "held"
  | "sending"
  | "retry"
  | "sent"
  | "carried"
  | "suppressed"
  | "maybe_sent"
  | "dead";
export type Severity = "low" | "normal" | "high";
export type StoryLine = Schemas["StoryLine"];
export type Silence = Schemas["SilenceInfo"];
export type SilenceBody = Schemas["SilenceBody"];
export type Preferences = Schemas["AlertingPreferences"];
export type DeadLetter = Schemas["DeadLetter"];
export type DeliveryFigures = Schemas["DeliveryFigures"];
export type ChannelDelivery = Schemas["ChannelDelivery"];
export type JobRun = Schemas["JobRun"];
export type DeadRun = Schemas["DeadRun"];
export type RaisedWatch = Schemas["RaisedWatch"];

function useAct<Input, Output>(act: (input: Input) => Promise<Output>, touches: readonly string[]) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: act,
    onSettled: () => Promise.all(touches.map((key) => client.invalidateQueries({ queryKey: [key] }))),
  });
}

// --- one alert ----------------------------------------------------------------------------------

const ofAlert = (firing_id: string) => ({ path: { firing_id } });

export const storyQuery = (firing_id: string) =>
  queryOptions({
    queryKey: ["alerts", "story", firing_id],
    queryFn: async ({ signal }) =>
      (await unwrap(api.GET("/api/alerts/{firing_id}/story", { params: ofAlert(firing_id), signal }))).items,
    refetchInterval: 5_000,
  });

export const alertQuery = (firing_id: string) =>
  queryOptions({
    queryKey: ["alerts", "one", firing_id],
    queryFn: ({ signal }) =>
      unwrap(api.GET("/api/alerts/{firing_id}", { params: ofAlert(firing_id), signal })),
  });

/** How long: seconds, or an ISO time. */
export type Long = { for_s: number } | { until: string };

const ack = (firing_id: string) =>
  unwrap(api.POST("/api/alerts/{firing_id}/ack", { params: ofAlert(firing_id) }));
const snooze = (firing_id: string, long: Long) =>
  unwrap(api.POST("/api/alerts/{firing_id}/snooze", { params: ofAlert(firing_id), body: long }));

/** One after the other: a storm of questions would be turned away. */
async function each<T>(ids: readonly string[], act: (id: string) => Promise<T>): Promise<T[]> {
  const answers: T[] = [];
  for (const id of ids) answers.push(await act(id));
  return answers;
}

export const useAck = () => useAct((ids: readonly string[]) => each(ids, ack), ["alerts"]);

export const useSnooze = () =>
  useAct(
    ({ ids, long }: { ids: readonly string[]; long: Long }) => each(ids, (id) => snooze(id, long)),
    ["alerts"],
  );

export const useRearm = () =>
  useAct(
    (firing_id: string) => unwrap(api.POST("/api/alerts/{firing_id}/rearm", { params: ofAlert(firing_id) })),
    ["alerts", "rules"],
  );

// --- how one wants to be told -------------------------------------------------------------------

export const silencesQuery = queryOptions({
  queryKey: ["silences"],
  queryFn: async ({ signal }) => (await unwrap(api.GET("/api/silences", { signal }))).items,
  refetchInterval: 30_000,
});

export const useSilence = () =>
  useAct((body: SilenceBody) => unwrap(api.POST("/api/silences", { body })), ["silences"]);

export const useEndSilence = () =>
  useAct(
    (silence_id: string) =>
      unwrap(api.DELETE("/api/silences/{silence_id}", { params: { path: { silence_id } } })),
    ["silences"],
  );

export const preferencesQuery = queryOptions({
  queryKey: ["preferences"],
  queryFn: ({ signal }) => unwrap(api.GET("/api/alerting/preferences", { signal })),
});

export const usePutPreferences = () =>
  useAct(
    (body: Preferences) => unwrap(api.PUT("/api/alerting/preferences", { body })),
    ["preferences", "alerts"],
  );

// --- the queue ----------------------------------------------------------------------------------

export const deliveryQuery = queryOptions({
  queryKey: ["delivery"],
  queryFn: ({ signal }) => unwrap(api.GET("/api/delivery", { signal })),
  refetchInterval: 5_000,
});

export interface DeadFilter {
  channel?: string;
  since?: string;
}

export const deadLettersQuery = (filter: DeadFilter) =>
  infiniteQueryOptions({
    queryKey: ["dead-letters", filter],
    queryFn: ({ signal, pageParam }) =>
      unwrap(
        api.GET("/api/dead-letters", {
          params: { query: { limit: 50, ...filter, ...(pageParam && { cursor: pageParam }) } },
          signal,
        }),
      ),
    initialPageParam: "",
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    refetchInterval: 10_000,
  });

export const useReplay = () =>
  useAct(
    (body: { delivery_ids?: string[]; channel?: string; since?: string; until?: string }) =>
      unwrap(api.POST("/api/dead-letters/replay", { body: { delivery_ids: [], ...body } })),
    ["dead-letters", "delivery", "alerts"],
  );

// --- work beside the market, and what the watch has raised -----------------------------------------

export const jobsQuery = queryOptions({
  queryKey: ["jobs"],
  queryFn: async ({ signal }) =>
    (await unwrap(api.GET("/api/jobs", { params: { query: { limit: 30 } }, signal }))).items,
  refetchInterval: 5_000,
});

export const deadJobsQuery = queryOptions({
  queryKey: ["jobs", "dead"],
  queryFn: async ({ signal }) => (await unwrap(api.GET("/api/jobs/dead", { signal }))).items,
  refetchInterval: 15_000,
});

export const useReplayJob = () =>
  useAct(
    (run_id: string) => unwrap(api.POST("/api/jobs/dead/{run_id}/replay", { params: { path: { run_id } } })),
    ["jobs"],
  );

/** What the watch has raised. A system that is not whole answers 503 and says it all the same. */
export const watchesQuery = queryOptions({
  queryKey: ["watches"],
  queryFn: async ({ signal }): Promise<RaisedWatch[]> => {
    const { data, error } = await api.GET("/healthz", { signal });
    const said = (data ?? error) as { watches?: RaisedWatch[] } | undefined;
    return said?.watches ?? [];
  },
  refetchInterval: 5_000,
});
