/** What fired, newest first: filtered, grouped, storms folded. */
import { ActionIcon, Button, SegmentedControl, Select } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { X } from "lucide-react";
import { useMemo, useState } from "react";
import { inboxQuery, storedRulesQuery } from "@/shared/api/rules";
import { useShows } from "@/shared/prefs/prefs";
import { InstrumentPicker } from "@/shared/ui/InstrumentPicker";
import { Panel, stateOf } from "@/shared/ui/Panel";
import classes from "./AlertsPage.module.css";
import { Entry } from "./Entry";
import { type Bundle, type By, fold, groupBy, moreWords } from "./inbox";
import { NewAlertLink } from "./NewAlertLink";

export function Inbox() {
  const search = useSearch({ from: "/alerts" });
  const intermediate = useShows("intermediate");
  const advanced = useShows("advanced");
  const unread = search.show === "unread";
  const query = useInfiniteQuery(
    inboxQuery({ instrument: search.on, rule_uid: search.rule, unread: unread || undefined }),
  );
  // What its own clauses held back was not told: it is for those who look for it.
  const items = useMemo(
    () => (query.data?.pages.flatMap((one) => one.items) ?? []).filter((one) => advanced || !one.suppressed),
    [query.data, advanced],
  );
  const bundles = useMemo(() => (search.by ? groupBy(items, search.by) : fold(items)), [items, search.by]);
  const isFiltered = Boolean(search.on ?? search.rule);
  return (
    <Panel
      title="Inbox"
      source={query.data?.pages[0]?.source}
      height={320}
      flush={items.length > 0}
      onRefresh={() => void query.refetch()}
      tools={(intermediate || isFiltered) && <Filters />}
      state={stateOf(query, {
        when: items.length === 0,
        why: isFiltered
          ? "Nothing of that has fired."
          : unread
            ? "You have read everything."
            : "No alert has fired. Create one, and it will be told here.",
        action: unread || isFiltered ? undefined : <NewAlertLink size="xs">Create an alert</NewAlertLink>,
      })}
    >
      <ol className={classes.inbox}>
        {bundles.map((bundle) => (
          <BundleItems key={bundle.key} bundle={bundle} by={search.by} />
        ))}
      </ol>
      {query.hasNextPage && (
        <div className={classes.more}>
          <Button
            variant="default"
            size="xs"
            loading={query.isFetchingNextPage}
            onClick={() => void query.fetchNextPage()}
          >
            Load older ones
          </Button>
        </div>
      )}
    </Panel>
  );
}

function BundleItems({ bundle, by }: { bundle: Bundle; by: By | undefined }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <Entry alert={bundle.head} />
      {bundle.rest.length > 0 && (
        <li className={classes.folded}>
          <Button variant="subtle" size="compact-sm" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
            {isOpen ? "Fold these" : moreWords(bundle, by)}
          </Button>
        </li>
      )}
      {isOpen && bundle.rest.map((alert) => <Entry key={alert.firing_id} alert={alert} />)}
    </>
  );
}

function Filters() {
  const search = useSearch({ from: "/alerts" });
  const navigate = useNavigate();
  const rules = useQuery(storedRulesQuery).data ?? [];
  const put = (change: { on?: string | undefined; rule?: string | undefined; by?: By | undefined }) =>
    void navigate({ to: "/alerts", search: (old) => ({ ...old, ...change }), replace: true });
  const known = rules.some((rule) => rule.rule_uid === search.rule);
  return (
    <div className={classes.filters}>
      <span className={classes.filter}>
        <InstrumentPicker
          label="Only this instrument"
          size="xs"
          style={{ width: 150 }}
          placeholder="any instrument"
          chosen={search.on ? { value: search.on, label: search.on.split(":")[1] ?? search.on } : null}
          onChoose={(item) => put({ on: item.value })}
        />
        {search.on && (
          <ActionIcon size={24} aria-label="Any instrument" onClick={() => put({ on: undefined })}>
            <X size={14} aria-hidden />
          </ActionIcon>
        )}
      </span>
      <Select
        size="xs"
        w={180}
        aria-label="Only this rule"
        searchable
        data={[
          { value: "", label: "any rule" },
          ...(search.rule && !known ? [{ value: search.rule, label: "this rule" }] : []),
          ...rules.map((rule) => ({ value: rule.rule_uid, label: rule.name })),
        ]}
        value={search.rule ?? ""}
        onChange={(value) => put({ rule: value || undefined })}
      />
      <SegmentedControl
        size="xs"
        aria-label="Group by"
        data={[
          { value: "", label: "By time" },
          { value: "rule", label: "By rule" },
          { value: "symbol", label: "By symbol" },
        ]}
        value={search.by ?? ""}
        onChange={(value) => put({ by: (value || undefined) as By | undefined })}
      />
    </div>
  );
}
