/** What fired, newest first: filtered, grouped, storms folded; several can be dealt with at once. */
import { Button } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from "react";
import { together } from "@/shared/alerts/words";
import { inboxQuery } from "@/shared/api/rules";
import type { Alert } from "@/shared/api/ruleTypes";
import { useShows } from "@/shared/prefs/prefs";
import { usePageKeys } from "@/shared/ui/keys";
import { Older } from "@/shared/ui/Older";
import { Panel, stateOf } from "@/shared/ui/Panel";
import { saveCsv } from "@/shared/ui/save";
import classes from "./AlertsPage.module.css";
import { BulkBar } from "./BulkBar";
import { Entry } from "./Entry";
import { Filters } from "./Filters";
import { type Bundle, type By, csvOf, fold, groupBy, isMoving, moreWords } from "./inbox";
import { NewAlertLink } from "./NewAlertLink";

// The story comes when it is first asked for.
const StoryDrawer = lazy(() => import("./StoryDrawer"));

/** So many shown alerts are a page; fewer, and what lies behind it is asked for at once. */
const ENOUGH = 10;
const MOST_LOOKED_THROUGH = 12;

/** What the list hands to each of its entries. */
interface Hands {
  others: ReadonlyMap<string, number>;
  chosen: ReadonlySet<string>;
  choose: ((id: string, isChosen: boolean) => void) | undefined;
  tell: (id: string) => void;
}

export function Inbox() {
  const search = useSearch({ from: "/alerts" });
  const navigate = useNavigate();
  const intermediate = useShows("intermediate");
  const advanced = useShows("advanced");
  const list = useRef<HTMLOListElement>(null);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const unread = search.show === "unread";
  const filter = {
    instrument: search.on,
    rule_uid: search.rule,
    unread: unread || undefined,
    state: search.state,
    severity: search.severity,
  };
  const byRule = search.by === "rule";
  const query = useInfiniteQuery({
    ...inboxQuery({ ...filter, group: byRule ? "rule" : undefined }),
    // A message that is on its way changes its word within seconds; nothing else here does by itself.
    refetchInterval: (asked) => (asked.state.data?.pages[0]?.items.some(isMoving) ? 3_000 : 20_000),
  });
  // What its own clauses held back was not told: it is for those who look for it.
  const items = useMemo(
    () => (query.data?.pages.flatMap((one) => one.items) ?? []).filter((one) => advanced || !one.suppressed),
    [query.data, advanced],
  );
  const bundles = useMemo(
    () => (search.by === "symbol" ? groupBy(items, "symbol") : byRule ? [] : fold(items)),
    [items, search.by, byRule],
  );
  const others = useMemo(() => together(items.flatMap((one) => one.deliveries)), [items]);
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = query;
  const pages = query.data?.pages.length ?? 0;
  const isHiding = pages > 0 && items.length < ENOUGH && hasNextPage;
  // Pages full of what was held back show nothing: those behind them are looked through too, within reason.
  useEffect(() => {
    if (isHiding && !isFetchingNextPage && pages < MOST_LOOKED_THROUGH) void fetchNextPage();
  }, [isHiding, isFetchingNextPage, pages, fetchNextPage]);
  const isFiltered = Boolean(search.on ?? search.rule ?? search.state ?? search.severity);
  const tell = (story: string | undefined) =>
    void navigate({ to: "/alerts", search: (old) => ({ ...old, story }), replace: true });
  const choose = (id: string, isChosen: boolean) =>
    setChosen((old) => {
      const next = new Set(old);
      if (isChosen) next.add(id);
      else next.delete(id);
      return next;
    });
  const hands: Hands = { others, chosen, choose: intermediate ? choose : undefined, tell };
  useListKeys(list, (id, key) => {
    if (key === "Enter") tell(id);
    else if (intermediate) choose(id, !chosen.has(id));
  });
  return (
    <Panel
      title="Inbox"
      source={query.data?.pages[0]?.source}
      height={320}
      flush={items.length > 0}
      onRefresh={() => void query.refetch()}
      {...(advanced && items.length > 0 && { onCsv: () => saveCsv("alerts", ...csvOf(items)) })}
      tools={(intermediate || isFiltered) && <Filters />}
      state={stateOf(query, {
        when: items.length === 0,
        why: isHiding
          ? "What fired lately was held back by the rules themselves. Advanced mode shows it."
          : isFiltered
            ? "Nothing of that has fired."
            : unread
              ? "You have read everything."
              : "No alert has fired. Create one, and it will be told here.",
        action:
          unread || isFiltered || isHiding ? undefined : (
            <NewAlertLink size="xs">Create an alert</NewAlertLink>
          ),
      })}
    >
      {intermediate && <BulkBar items={items} chosen={chosen} onChoose={(ids) => setChosen(new Set(ids))} />}
      <ol className={classes.inbox} ref={list} aria-label="Alerts">
        {byRule
          ? items.map((alert) => (
              <RuleGroup key={alert.firing_id} alert={alert} filter={filter} hands={hands} />
            ))
          : bundles.map((bundle) => (
              <BundleItems key={bundle.key} bundle={bundle} by={search.by} hands={hands} />
            ))}
      </ol>
      <Older query={query} />
      <Suspense fallback={null}>
        {search.story && <StoryDrawer firing_id={search.story} onClose={() => tell(undefined)} />}
      </Suspense>
    </Panel>
  );
}

function One({ alert, hands }: { alert: Alert; hands: Hands }) {
  const { choose } = hands;
  return (
    <Entry
      alert={alert}
      others={hands.others}
      isChosen={hands.chosen.has(alert.firing_id)}
      onChoose={choose && ((isChosen) => choose(alert.firing_id, isChosen))}
      onStory={() => hands.tell(alert.firing_id)}
    />
  );
}

function BundleItems({ bundle, by, hands }: { bundle: Bundle; by: By | undefined; hands: Hands }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <One alert={bundle.head} hands={hands} />
      {bundle.rest.length > 0 && (
        <Fold
          isOpen={isOpen}
          words={moreWords(bundle.rest.length, bundle.head, by)}
          onTurn={() => setOpen(!isOpen)}
        />
      )}
      {isOpen && bundle.rest.map((alert) => <One key={alert.firing_id} alert={alert} hands={hands} />)}
    </>
  );
}

/** A rule's newest alert; the others are asked for when they are unfolded. */
function RuleGroup(props: { alert: Alert; filter: Parameters<typeof inboxQuery>[0]; hands: Hands }) {
  const { alert, filter, hands } = props;
  const advanced = useShows("advanced");
  const [isOpen, setOpen] = useState(false);
  const more = (alert.group?.count ?? 1) - 1;
  const query = useInfiniteQuery({
    ...inboxQuery({ ...filter, rule_uid: alert.rule_uid }),
    enabled: isOpen,
  });
  const rest = (query.data?.pages.flatMap((one) => one.items) ?? []).filter(
    (one) => one.firing_id !== alert.firing_id && (advanced || !one.suppressed),
  );
  const others = useMemo(() => together([alert, ...rest].flatMap((one) => one.deliveries)), [alert, rest]);
  const told = { ...hands, others };
  return (
    <>
      <One alert={alert} hands={told} />
      {more > 0 && (
        <Fold
          isOpen={isOpen}
          words={moreWords(more, alert, "rule", alert.group?.instruments.length)}
          onTurn={() => setOpen(!isOpen)}
        />
      )}
      {isOpen && query.isPending && (
        <li className={classes.folded}>
          <span className="dim" role="status">
            Loading them…
          </span>
        </li>
      )}
      {isOpen && query.error && (
        <li className={classes.folded}>
          <span className={classes.error} role="alert">
            {query.error.message}
          </span>
        </li>
      )}
      {isOpen && rest.map((one) => <One key={one.firing_id} alert={one} hands={told} />)}
      {isOpen && query.hasNextPage && (
        <li className={classes.folded}>
          <Button
            variant="subtle"
            size="compact-sm"
            loading={query.isFetchingNextPage}
            onClick={() => void query.fetchNextPage()}
          >
            Load older ones of this rule
          </Button>
        </li>
      )}
    </>
  );
}

function Fold({ isOpen, words, onTurn }: { isOpen: boolean; words: string; onTurn: () => void }) {
  return (
    <li className={classes.folded}>
      <Button variant="subtle" size="compact-sm" aria-expanded={isOpen} onClick={onTurn}>
        {isOpen ? "Fold these" : words}
      </Button>
    </li>
  );
}

/** J and K walk over the alerts, Enter tells the story of one, X chooses it. */
function useListKeys(
  list: React.RefObject<HTMLOListElement | null>,
  act: (id: string, key: "Enter" | "x") => void,
): void {
  const rows = () => [...(list.current?.querySelectorAll<HTMLElement>("[data-firing]") ?? [])];
  const step = (by: number) => {
    const all = rows();
    const now = all.findIndex((row) => row.contains(document.activeElement));
    const next = all[now < 0 ? 0 : Math.min(all.length - 1, Math.max(0, now + by))];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  };
  const at = (key: "Enter" | "x") => {
    const row = rows().find((one) => one === document.activeElement);
    if (row?.dataset.firing) act(row.dataset.firing, key);
  };
  usePageKeys({ j: () => step(1), k: () => step(-1), x: () => at("x") });
  // Enter belongs to whatever button has the focus; only a row that has it itself takes it.
  useRowEnter(list, () => at("Enter"));
}

function useRowEnter(list: React.RefObject<HTMLOListElement | null>, act: () => void): void {
  const now = useRef(act);
  useEffect(() => {
    now.current = act;
  });
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.key !== "Enter" || !target.dataset?.firing || !list.current?.contains(target)) return;
      event.preventDefault();
      now.current();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [list]);
}
