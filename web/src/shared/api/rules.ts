/**
 * Rules and what fired: read, convert, try, arm. The server reads and writes rule texts; the pages only show its
 * answers. Apart from the other queries, so that the first page need not load it.
 */
import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, unwrap } from "./client";
import type {
  Alert,
  Preview,
  Registry,
  RuleCheck,
  RuleForm,
  RuleFormAnswer,
  RulePlan,
  RuleVersion,
  StoredRule,
  Why,
} from "./ruleTypes";

interface Request {
  params?: { path?: Record<string, string>; query?: Record<string, unknown> };
  body?: unknown;
  signal?: AbortSignal;
}
type Method = "GET" | "POST" | "PUT" | "DELETE";

// The document does not name these routes yet.
const ask = <T>(method: Method, path: string, request: Request = {}): Promise<T> => {
  const raw = api as unknown as Record<
    Method,
    (path: string, request: Request) => Promise<{ data?: T; error?: unknown; response: Response }>
  >;
  return unwrap(raw[method](path, request));
};

const uidPath = (rule_uid: string) => ({ path: { rule_uid } });

/** Fields, functions and lists that a rule can name. */
export const registryQuery = queryOptions({
  queryKey: ["registry"],
  queryFn: ({ signal }) => ask<Registry>("GET", "/api/fields", { signal }),
  staleTime: Number.POSITIVE_INFINITY,
});

export const storedRulesQuery = queryOptions({
  queryKey: ["rules", "all"],
  queryFn: async ({ signal }) => (await ask<{ items: StoredRule[] }>("GET", "/api/rules", { signal })).items,
});

export const ruleQuery = (rule_uid: string) =>
  queryOptions({
    queryKey: ["rules", "one", rule_uid],
    queryFn: ({ signal }) =>
      ask<StoredRule>("GET", "/api/rules/{rule_uid}", { params: uidPath(rule_uid), signal }),
  });

export const versionsQuery = (rule_uid: string) =>
  queryOptions({
    queryKey: ["rules", "versions", rule_uid],
    queryFn: async ({ signal }) =>
      (
        await ask<{ items: RuleVersion[] }>("GET", "/api/rules/{rule_uid}/versions", {
          params: uidPath(rule_uid),
          signal,
        })
      ).items,
  });

export const explainQuery = (rule_uid: string) =>
  queryOptions({
    queryKey: ["rules", "explain", rule_uid],
    queryFn: ({ signal }) =>
      ask<RulePlan>("GET", "/api/rules/{rule_uid}/explain", { params: uidPath(rule_uid), signal }),
  });

export const whyQuery = (rule_uid: string, instrument: string) =>
  queryOptions({
    queryKey: ["rules", "why", rule_uid, instrument],
    queryFn: ({ signal }) =>
      ask<Why>("GET", "/api/rules/{rule_uid}/why", {
        params: { ...uidPath(rule_uid), query: { instrument } },
        signal,
      }),
    staleTime: 0,
    retry: 1,
  });

export const checkRule = (text: string, signal?: AbortSignal) =>
  ask<RuleCheck>("POST", "/api/rules/check", { body: { text }, ...(signal && { signal }) });

export const writeForm = (form: RuleForm, signal?: AbortSignal) =>
  ask<RuleFormAnswer>("POST", "/api/rules/form", { body: { form }, ...(signal && { signal }) });

/** What the rule would have done. A question that nobody waits for any more is given up. */
export const previewQuery = (text: string, days: number, instrument: string | undefined) =>
  queryOptions({
    queryKey: ["preview", text, days, instrument ?? ""],
    queryFn: ({ signal }) =>
      ask<Preview>("POST", "/api/rules/preview", {
        body: { text, days, ...(instrument && { instrument }) },
        signal,
      }),
    staleTime: 60_000,
    gcTime: 120_000,
    retry: false,
  });

export interface InboxFilter {
  instrument?: string | undefined;
  rule_uid?: string | undefined;
  unread?: boolean | undefined;
}

interface AlertPage {
  items: Alert[];
  next_cursor: string | null;
  unread: number;
  source: string;
  as_of: string | null;
}

export const inboxQuery = (filter: InboxFilter) =>
  infiniteQueryOptions({
    queryKey: ["alerts", "inbox", filter],
    queryFn: ({ signal, pageParam }) =>
      ask<AlertPage>("GET", "/api/alerts", {
        params: {
          query: {
            limit: 60,
            ...(filter.instrument && { instrument: filter.instrument }),
            ...(filter.rule_uid && { rule_uid: filter.rule_uid }),
            ...(filter.unread && { unread: true }),
            ...(pageParam && { cursor: pageParam }),
          },
        },
        signal,
      }),
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

export const useArmText = () =>
  useAct(({ text, group }: { text: string; group?: string }) =>
    ask<StoredRule>("POST", "/api/rules", { body: { text, ...(group && { group }) } }),
  );

/** The next version of a rule: it starts idle. */
export const saveRule = ({ rule_uid, text }: { rule_uid: string; text: string }) =>
  ask<StoredRule>("PUT", "/api/rules/{rule_uid}", { params: uidPath(rule_uid), body: { text } });

export const useSaveRule = () => useAct(saveRule);

export const useArmAgain = () =>
  useAct((rule_uid: string) =>
    ask<StoredRule>("POST", "/api/rules/{rule_uid}/arm", { params: uidPath(rule_uid) }),
  );

export const useImport = () =>
  useAct((body: { text: string; group: string; prune: boolean }) =>
    ask<{ armed: number; changed: number; unchanged: number; disarmed: number }>(
      "POST",
      "/api/rules/import",
      {
        body,
      },
    ),
  );
