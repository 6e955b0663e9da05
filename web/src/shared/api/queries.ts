/** Every question the screens ask, once. Live values come by rooms; these bring the rest. */
import { QueryClient, queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { ApiError, api, unwrap } from "./client";
import type { Stock, StockList, Watchlist } from "./types";

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      // A refusal will not change by asking again; a dead server is worth three tries.
      retry: (failures, error) =>
        !(error instanceof ApiError && error.status >= 400 && error.status < 500) && failures < 3,
      retryDelay: (attempt) => Math.min(8000, 500 * 2 ** attempt) * (0.5 + Math.random() / 2),
    },
  },
});

export const fetchSession = () => unwrap(api.GET("/api/session"));

export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: fetchSession,
  staleTime: Number.POSITIVE_INFINITY,
});

export const marketQuery = queryOptions({
  queryKey: ["market"],
  queryFn: ({ signal }) => unwrap(api.GET("/api/market", { signal })),
  refetchInterval: 15_000,
});

export const statusQuery = queryOptions({
  queryKey: ["status"],
  queryFn: ({ signal }) => unwrap(api.GET("/api/status", { signal })),
  refetchInterval: 5_000,
});

export const feedsQuery = queryOptions({
  queryKey: ["feeds"],
  queryFn: ({ signal }) => unwrap(api.GET("/api/feeds", { signal })),
  refetchInterval: 5_000,
});

export const qualityQuery = queryOptions({
  queryKey: ["quality"],
  queryFn: ({ signal }) => unwrap(api.GET("/api/quality", { signal })),
  refetchInterval: 5_000,
});

export const fieldsQuery = queryOptions({
  queryKey: ["fields"],
  queryFn: async ({ signal }) => (await unwrap(api.GET("/api/fields", { signal }))).items,
  staleTime: Number.POSITIVE_INFINITY,
});

export const LISTS = [
  "top-gainers",
  "top-losers",
  "52-week-high",
  "52-week-low",
  "most-active",
  "unusual-volume",
  "volatile",
  "undervalued",
] as const;
export type ListName = (typeof LISTS)[number];

export const listQuery = (name: ListName, limit: number) =>
  queryOptions({
    queryKey: ["list", name, limit],
    queryFn: ({ signal }): Promise<StockList & { definition?: string }> =>
      unwrap(api.GET(`/api/stocks/${name}`, { params: { query: { limit } }, signal })),
    refetchInterval: 10_000,
  });

export const universeQuery = queryOptions({
  queryKey: ["universe"],
  queryFn: ({ signal }) => allStocks(signal),
  staleTime: 60_000,
});

const MOST_STOCKS = 5000;

async function allStocks(signal: AbortSignal): Promise<StockList> {
  const items: Stock[] = [];
  let cursor: string | undefined;
  for (;;) {
    const page: StockList = await unwrap(
      api.GET("/api/stocks", { params: { query: { limit: 500, ...(cursor && { cursor }) } }, signal }),
    );
    items.push(...page.items);
    cursor = page.next_cursor ?? undefined;
    if (!cursor || items.length >= MOST_STOCKS) return { ...page, items };
  }
}

export const searchQuery = (text: string) =>
  queryOptions({
    queryKey: ["search", text],
    queryFn: ({ signal }) =>
      unwrap(api.GET("/api/stocks", { params: { query: { query: text, limit: 8 } }, signal })),
    staleTime: 30_000,
  });

export const indicesQuery = queryOptions({
  queryKey: ["indices"],
  queryFn: ({ signal }) => unwrap(api.GET("/api/indices", { signal })),
  refetchInterval: 30_000,
});

const path = (id: string) => ({ path: { stock_id: id } });

export const stockQuery = (id: string) =>
  queryOptions({
    queryKey: ["stock", id],
    queryFn: ({ signal }) => unwrap(api.GET("/api/stocks/{stock_id}", { params: path(id), signal })),
    refetchInterval: 15_000,
  });

export const barsQuery = (id: string, timeframe: "1m" | "1d", limit: number) =>
  queryOptions({
    queryKey: ["bars", id, timeframe, limit],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET("/api/stocks/{stock_id}/bars", {
          params: { ...path(id), query: { timeframe, limit } },
          signal,
        }),
      ),
    staleTime: 30_000,
  });

export const depthQuery = (id: string) =>
  queryOptions({
    queryKey: ["depth", id],
    queryFn: ({ signal }) => unwrap(api.GET("/api/stocks/{stock_id}/depth", { params: path(id), signal })),
  });

export const holdingsQuery = (id: string) =>
  queryOptions({
    queryKey: ["holdings", id],
    queryFn: ({ signal }) =>
      unwrap(api.GET("/api/stocks/{stock_id}/shareholding", { params: path(id), signal })),
    staleTime: 300_000,
  });

export const fundamentalsQuery = (id: string) =>
  queryOptions({
    queryKey: ["fundamentals", id],
    queryFn: ({ signal }) =>
      unwrap(api.GET("/api/stocks/{stock_id}/fundamentals", { params: path(id), signal })),
    staleTime: 300_000,
  });

export const rulesQuery = queryOptions({
  queryKey: ["rules"],
  queryFn: async ({ signal }) => (await unwrap(api.GET("/api/rules", { signal }))).items,
});

export const alertsQuery = queryOptions({
  queryKey: ["alerts"],
  queryFn: ({ signal }) => unwrap(api.GET("/api/alerts", { params: { query: { limit: 100 } }, signal })),
  refetchInterval: 20_000,
});

export const watchlistsQuery = queryOptions({
  queryKey: ["watchlists"],
  queryFn: async ({ signal }) => (await unwrap(api.GET("/api/watchlists", { signal }))).items,
});

function useAct<Input, Output>(act: (input: Input) => Promise<Output>, touches: readonly string[]) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: act,
    onSettled: () => Promise.all(touches.map((key) => client.invalidateQueries({ queryKey: [key] }))),
  });
}

export interface NewRule {
  name: string;
  instrument: string;
  direction: "above" | "below";
  level: string;
  notify: string[];
}

export const useArm = () =>
  useAct((rule: NewRule) => unwrap(api.POST("/api/rules", { body: rule })), ["rules"]);

export const useDisarm = () =>
  useAct(
    (rule_uid: string) => unwrap(api.DELETE("/api/rules/{rule_uid}", { params: { path: { rule_uid } } })),
    ["rules"],
  );

export const useReadAlerts = () =>
  useAct((up_to: string) => unwrap(api.POST("/api/alerts/read", { body: { up_to } })), ["alerts"]);

export const useFeedControl = () =>
  useAct(
    (change: { paused?: boolean; speed?: number | "max" }) =>
      unwrap(api.POST("/api/feeds/control", { body: change })),
    ["feeds", "market"],
  );

export const useNewWatchlist = () =>
  useAct(
    (body: { name: string; instruments: string[] }) => unwrap(api.POST("/api/watchlists", { body })),
    ["watchlists"],
  );

export const useSaveWatchlist = () =>
  useAct(
    ({ watchlist_id, ...body }: Watchlist) =>
      unwrap(api.PUT("/api/watchlists/{watchlist_id}", { params: { path: { watchlist_id } }, body })),
    ["watchlists"],
  );

export const useDropWatchlist = () =>
  useAct(
    (watchlist_id: string) =>
      unwrap(api.DELETE("/api/watchlists/{watchlist_id}", { params: { path: { watchlist_id } } })),
    ["watchlists"],
  );

export const useLogout = () => useAct(() => unwrap(api.POST("/api/session/logout")), ["session"]);
