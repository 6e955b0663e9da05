/**
 * Rules and what fired: read, convert, try, arm. The server reads and writes rule texts; the pages only show its
 * answers. Apart from the other queries, so that the first page need not load it.
 */
import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, unwrap } from "./client";
import type { DeliveryState, Severity } from "./delivery";
import type { Alert, Registry, RuleCheck, RuleForm, RuleFormAnswer, StoredRule } from "./ruleTypes";
import type { components } from "./schema";

const uidPath = (rule_uid: string) => ({ path: { rule_uid } });

/** Fields, functions and lists that a rule can name. */
export const registryQuery = queryOptions({
  queryKey: ["registry"],
  queryFn: ({ signal }): Promise<Registry> => unwrap(api.GET("/api/fields", { signal })),
  staleTime: Number.POSITIVE_INFINITY,
});

export const storedRulesQuery = queryOptions({
  queryKey: ["rules", "all"],
  queryFn: async ({ signal }): Promise<StoredRule[]> =>
    (await unwrap(api.GET("/api/rules", { signal }))).items,
});

export const ruleQuery = (rule_uid: string) =>
  queryOptions({
    queryKey: ["rules", "one", rule_uid],
    queryFn: ({ signal }) => unwrap(api.GET("/api/rules/{rule_uid}", { params: uidPath(rule_uid), signal })),
  });

export const versionsQuery = (rule_uid: string) =>
  queryOptions({
    queryKey: ["rules", "versions", rule_uid],
    queryFn: async ({ signal }) =>
      (await unwrap(api.GET("/api/rules/{rule_uid}/versions", { params: uidPath(rule_uid), signal }))).items,
  });

export const explainQuery = (rule_uid: string) =>
  queryOptions({
    queryKey: ["rules", "explain", rule_uid],
    queryFn: ({ signal }) =>
      unwrap(api.GET("/api/rules/{rule_uid}/explain", { params: uidPath(rule_uid), signal })),
  });

export const whyQuery = (rule_uid: string, instrument: string) =>
  queryOptions({
    queryKey: ["rules", "why", rule_uid, instrument],
    queryFn: ({ signal }) =>
      unwrap(
        api.GET("/api/rules/{rule_uid}/why", {
          params: { ...uidPath(rule_uid), query: { instrument } },
          signal,
        }),
      ),
    staleTime: 0,
    retry: 1,
  });

// The document says of a form that it is an object; what it holds stands in ruleTypes.
export const checkRule = (text: string, signal?: AbortSignal) =>
  unwrap(api.POST("/api/rules/check", { body: { text }, signal })) as Promise<unknown> as Promise<RuleCheck>;

export const writeForm = (form: RuleForm, signal?: AbortSignal): Promise<RuleFormAnswer> =>
  unwrap(api.POST("/api/rules/form", { body: { form: form as unknown as Record<string, unknown> }, signal }));

/** What the rule would have done. A question that nobody waits for any more is given up. */
export const previewQuery = (text: string, days: number, instrument: string | undefined) =>
  queryOptions({
    queryKey: ["preview", text, days, instrument ?? ""],
    queryFn: ({ signal }) =>
      unwrap(
        api.POST("/api/rules/preview", {
          body: { text, days, ...(instrument && { instrument }) },
          signal,
        }),
      ),
    staleTime: 60_000,
    gcTime: 120_000,
    retry: false,
  });

export interface InboxFilter {
  instrument?: string | undefined;
  rule_uid?: string | undefined;
  unread?: boolean | undefined;
  state?: DeliveryState | undefined;
  severity?: Severity | undefined;
  /** One item a rule: its newest alert, and how many there are. */
  group?: "rule" | undefined;
}

type AlertPage = Omit<components["schemas"]["AlertList"], "items"> & { items: Alert[] };

export const inboxQuery = ({ instrument, rule_uid, unread, state, severity, group }: InboxFilter) =>
  infiniteQueryOptions({
    queryKey: ["alerts", "inbox", instrument, rule_uid, unread, state, severity, group],
    queryFn: ({ signal, pageParam }) =>
      unwrap(
        api.GET("/api/alerts", {
          params: {
            query: {
              limit: 60,
              ...(instrument && { instrument }),
              ...(rule_uid && { rule_uid }),
              ...(unread && { unread }),
              ...(state && { state }),
              ...(severity && { severity }),
              ...(group && { group }),
              ...(pageParam && { cursor: pageParam }),
            },
          },
          signal,
        }),
      ) as Promise<unknown> as Promise<AlertPage>,
    initialPageParam: "",
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  });

function useAct<Input, Output>(act: (input: Input) => Promise<Output>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: act,
    onSettled: () => client.invalidateQueries({ queryKey: ["rules"] }),
  });
}

export const useArmText = () => useAct((text: string) => unwrap(api.POST("/api/rules", { body: { text } })));

/** The next version of a rule: it starts idle. */
export const saveRule = ({ rule_uid, text }: { rule_uid: string; text: string }) =>
  unwrap(api.PUT("/api/rules/{rule_uid}", { params: uidPath(rule_uid), body: { text } }));

export const useSaveRule = () => useAct(saveRule);

export const useArmAgain = () =>
  useAct((rule_uid: string) => unwrap(api.POST("/api/rules/{rule_uid}/arm", { params: uidPath(rule_uid) })));

export const useImport = () =>
  useAct((body: { text: string; group: string; prune: boolean }) =>
    unwrap(api.POST("/api/rules/import", { body })),
  );
