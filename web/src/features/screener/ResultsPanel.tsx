/** Who matches: the definition in words, the rows, who comes and goes, and what could not be judged. */
import { Button } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { Stock } from "@/shared/api/types";
import { useFormats } from "@/shared/format/use";
import { useFresh } from "@/shared/live/freshness";
import { useMarketClock } from "@/shared/live/market";
import { seed } from "@/shared/live/seed";
import { useShows } from "@/shared/prefs/prefs";
import { type Column, DataTable } from "@/shared/ui/DataTable";
import { Panel, type PanelState, stateOf } from "@/shared/ui/Panel";
import { ApiDialog } from "./ApiDialog";
import { UNSAVED_MS } from "./api";
import { ColumnsDialog } from "./ColumnsDialog";
import type { Event } from "./comings";
import { EntrySpeaker, EventStrip } from "./EventStrip";
import { type Order, orderOf, sortText, unknownWords } from "./query";
import { ResultTools } from "./ResultTools";
import { resultColumns } from "./resultColumns";
import { type Asking, SaveDialog } from "./SaveDialog";
import classes from "./Screener.module.css";
import type { ResultPage, ResultRow } from "./types";
import { useComings } from "./useComings";
import { useScreenRoom } from "./useRoom";
import type { OneScreen } from "./useScreen";

const REASK_MS = 1000;
/** So many rows are shown without a scroller of their own. */
const WHOLE_UP_TO = 20;

export function ResultsPanel({ one }: { one: OneScreen }) {
  const { result, run, screen, search } = one;
  const intermediate = useShows("intermediate");
  const clock = useMarketClock();
  const formats = useFormats();
  const navigate = useNavigate();
  const [asking, setAsking] = useState<Asking>(null);
  const [dialog, setDialog] = useState<"columns" | "api" | null>(null);
  // A past day and a changed text have no room: the one does not move, the other nobody watches.
  const isKept = screen !== undefined && !one.isChanged && !search.as_of;
  const { news, room } = useNews(isKept ? screen.screen_id : null, run.refetch);
  useEffect(() => {
    if (!search.as_of) seed(one.rows as unknown as Stock[]);
  }, [one.rows, search.as_of]);

  const question = `${JSON.stringify(one.body)} ${run.data?.pages.length ?? 0}`;
  const { rows, marks } = useComings(one.rows, question);
  const columns = useMemo(
    () => resultColumns(result, intermediate, search.as_of ? "past" : isKept ? "live" : "now"),
    [result, intermediate, search.as_of, isKept],
  );
  // The screen's own order is a column's where it has one; the heads say so.
  const order = orderOf(search.sort) ?? ownOrder(one, columns);
  const failed = run.isError && one.errors.length === 0;
  const own = stateOf({
    ...run,
    data: failed ? run.data : (result ?? run.data),
    isPending: run.isPending && !result,
  });
  const state = withUnknown(useFresh(wrong(one, own)), result, one.labels);
  const title = one.isChanged && screen ? `${one.name}, changed` : one.name;

  return (
    <>
      <Panel
        title={title}
        source={search.as_of ? `${result?.source ?? ""} · ${formats.full(result?.as_of)}` : result?.source}
        asOf={search.as_of ? null : result?.as_of}
        clock={clock}
        height={480}
        flush={own.kind !== "loading"}
        state={state}
        tools={<ResultTools one={one} title={title} onAsk={setAsking} onDialog={setDialog} />}
      >
        <Words one={one} isLive={isKept} count={result?.count ?? 0} />
        {isKept && <EventStrip events={room.events} />}
        {rows.length === 0 && <p className={classes.nobody}>{nobody(search.as_of)}</p>}
        {rows.length > 0 && (
          <DataTable
            label={title}
            rows={rows}
            columns={columns}
            keyOf={(row) => row.instrument}
            rowClass={(row) => classes[marks.get(row.instrument) ?? ""]}
            sort={order && { id: order.by, down: order.descending }}
            onSort={(sort) => one.go({ sort: sortText(sort && { by: sort.id, descending: sort.down }) })}
            live={isKept}
            height={rows.length > WHOLE_UP_TO ? 720 : undefined}
            onOpen={(row) => void navigate({ to: "/symbol/$id", params: { id: row.instrument }, search: {} })}
          />
        )}
        <Foot one={one} isKept={isKept} />
      </Panel>
      <EntrySpeaker news={news} screen={one.name} />
      <SaveDialog asking={asking} one={one} onClose={() => setAsking(null)} />
      <ColumnsDialog one={one} isOpen={dialog === "columns"} onClose={() => setDialog(null)} />
      {one.body && <ApiDialog body={one.body} isOpen={dialog === "api"} onClose={() => setDialog(null)} />}
    </>
  );
}

const nobody = (as_of: string | undefined) =>
  as_of
    ? "Nobody matched on that day."
    : "Nobody matches now. A screen of a moving market can be empty: it fills by itself.";

function ownOrder(one: OneScreen, columns: readonly Column<ResultRow>[]): Order | undefined {
  if (!one.form) return undefined;
  const by = one.form.order_by;
  return by && columns.some((column) => column.id === by)
    ? { by, descending: one.form.descending }
    : undefined;
}

/** Comings and goings of a kept screen; each asks for the list again, at most once a second. */
function useNews(screen_id: string | null, refetch: () => unknown) {
  const [news, setNews] = useState<readonly Event[]>([]);
  const client = useQueryClient();
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  const hear = useCallback(
    (events: readonly Event[]) => {
      setNews(events);
      timer.current ??= setTimeout(() => {
        timer.current = null;
        void refetch();
        void client.invalidateQueries({ queryKey: ["screens", "list"] });
        void client.invalidateQueries({ queryKey: ["screens", "history"] });
      }, REASK_MS);
    },
    [refetch, client],
  );
  useEffect(
    () => () => {
      if (timer.current) clearTimeout(timer.current);
    },
    [],
  );
  return { news, room: useScreenRoom(screen_id, hear) };
}

/** A text that cannot be read says so where it stands; the rows are those of the last one that could. */
function wrong(one: OneScreen, own: PanelState): PanelState {
  if (one.errors.length === 0) return own;
  if (one.result)
    return { kind: "partial", note: "The text cannot be read: these rows are of the text before it." };
  const [first] = one.errors;
  return {
    kind: "empty",
    why: `The query cannot be read: ${first?.message ?? ""} (line ${first?.line}, column ${first?.column}).`,
  };
}

function withUnknown(
  state: PanelState,
  result: ResultPage | undefined,
  labels: ReadonlyMap<string, string>,
): PanelState {
  if (state.kind !== "ready" || !result || result.unknown.count === 0) return state;
  return { kind: "partial", note: `${unknownWords(result.unknown, labels)}.` };
}

/** What the screen is, in words; a list of cheap companies never stands without its definition. */
function Words({ one, isLive, count }: { one: OneScreen; isLive: boolean; count: number }) {
  const formats = useFormats();
  const description = one.isChanged ? "" : (one.screen?.description ?? "");
  return (
    <div className={classes.words}>
      {description && <p>{description}</p>}
      {one.errors.length > 0 && (
        <p className={classes.error}>The text cannot be read: these rows are of the text before it.</p>
      )}
      {one.sentence && one.sentence !== description && <p className="dim">{one.sentence}</p>}
      <p className={classes.count}>
        <b className="num">{formats.count(count)}</b> {count === 1 ? "matches" : "match"}
        {one.search.as_of ? ` on ${formats.day(one.search.as_of)}` : isLive ? " now, live" : " now"}
        <span className="faint"> · a filter, not advice</span>
      </p>
    </div>
  );
}

function Foot({ one, isKept }: { one: OneScreen; isKept: boolean }) {
  const advanced = useShows("advanced");
  const formats = useFormats();
  const { run, result } = one;
  const rest = (result?.count ?? 0) - one.rows.length;
  return (
    <div className={classes.foot}>
      {run.hasNextPage && (
        <Button
          size="xs"
          variant="default"
          loading={run.isFetchingNextPage}
          onClick={() => void run.fetchNextPage()}
        >
          Show more
        </Button>
      )}
      {!run.hasNextPage && rest > 0 && (
        <span>The screen shows its first {formats.count(one.rows.length)}.</span>
      )}
      {!isKept && !one.search.as_of && (
        <span>
          Nobody keeps this query: it is asked again every {UNSAVED_MS / 1000} seconds while you see it.
        </span>
      )}
      {advanced && result && (
        <span className="num">
          {formats.count(result.unknown.count)} not judged · took {formats.number(result.took_ms, 1)} ms
        </span>
      )}
    </div>
  );
}
