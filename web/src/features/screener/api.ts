/** What the screener asks: the screens there are, who is in one, who was, and how a field is spread. */
import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, unwrap } from "@/shared/api/client";
import type { ResultPage, RunBody } from "./types";

export const screensQuery = queryOptions({
  queryKey: ["screens", "list"],
  queryFn: async ({ signal }) => (await unwrap(api.GET("/api/screens", { signal }))).items,
  refetchInterval: 10_000,
});

/** Rows of one page, and the most that a spreadsheet asks for at once. */
export const PAGE_ROWS = 100;
const CSV_ROWS = 500;

// The document says of a chip's form that it is an object; what it holds stands in ruleTypes.
export const runScreen = (body: RunBody, signal?: AbortSignal) =>
  unwrap(api.POST("/api/screens/run", { body, ...(signal && { signal }) })) as Promise<ResultPage>;

/** Live screens tell who comes and goes; a text that nobody keeps is asked again every few seconds. */
export const UNSAVED_MS = 5_000;
const KEPT_MS = 15_000;

export const runQuery = (body: RunBody | null) =>
  infiniteQueryOptions({
    queryKey: ["screens", "run", body],
    queryFn: ({ signal, pageParam }) =>
      runScreen({ ...body, limit: PAGE_ROWS, ...(pageParam && { cursor: pageParam }) }, signal),
    initialPageParam: "",
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    enabled: body !== null,
    refetchInterval: (query) =>
      body?.as_of || query.state.status === "error" ? false : body?.screen_id ? KEPT_MS : UNSAVED_MS,
    retry: 1,
  });

/** Every row, page by page. */
export async function runWhole(body: RunBody): Promise<ResultPage> {
  const first = await runScreen({ ...body, limit: CSV_ROWS });
  const items = [...first.items];
  for (let cursor = first.next_cursor; cursor; ) {
    const next = await runScreen({ ...body, limit: CSV_ROWS, cursor });
    items.push(...next.items);
    cursor = next.next_cursor;
  }
  return { ...first, items };
}

export const historyQuery = (screen_id: string, days: number) =>
  queryOptions({
    queryKey: ["screens", "history", screen_id, days],
    queryFn: async ({ signal }) =>
      (
        await unwrap(
          api.GET("/api/screens/{screen_id}/history", {
            params: { path: { screen_id }, query: { days } },
            signal,
          }),
        )
      ).items,
  });

export const distributionQuery = (field: string) =>
  queryOptions({
    queryKey: ["screens", "distribution", field],
    queryFn: ({ signal }) =>
      unwrap(api.GET("/api/screens/distribution", { params: { query: { field } }, signal })),
    staleTime: 60_000,
    retry: false,
  });

function useAct<Input, Output>(act: (input: Input) => Promise<Output>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: act,
    onSettled: () => client.invalidateQueries({ queryKey: ["screens"] }),
  });
}

export const useNewScreen = () =>
  useAct((body: { name: string; text: string; leave_when?: string | null }) =>
    unwrap(api.POST("/api/screens", { body })),
  );

export const useSaveScreen = () =>
  useAct(
    ({ screen_id, ...body }: { screen_id: string; name: string; text: string; leave_when?: string | null }) =>
      unwrap(api.PUT("/api/screens/{screen_id}", { params: { path: { screen_id } }, body })),
  );

export const useDropScreen = () =>
  useAct((screen_id: string) =>
    unwrap(api.DELETE("/api/screens/{screen_id}", { params: { path: { screen_id } } })),
  );
