/** Who matches: the definition in words, the rows, who comes and goes, and what could not be judged. */
import { ActionIcon, Button, Menu } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import {
  BellPlus,
  Code,
  Columns3,
  EllipsisVertical,
  Pencil,
  RefreshCw,
  Save,
  Table2,
  Trash2,
} from "lucide-react";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { writeForm } from "@/shared/api/rules";
import type { Stock } from "@/shared/api/types";
import { useFormats } from "@/shared/format/use";
import { useFresh } from "@/shared/live/freshness";
import { quotes } from "@/shared/live/hooks";
import { useMarketClock } from "@/shared/live/market";
import { seed } from "@/shared/live/seed";
import { useShows } from "@/shared/prefs/prefs";
import { type Column, DataTable } from "@/shared/ui/DataTable";
import { usePageKeys } from "@/shared/ui/keys";
import { Panel, type PanelState, stateOf } from "@/shared/ui/Panel";
import page from "@/shared/ui/page.module.css";
import { saveCsv } from "@/shared/ui/save";
import { ChangeText, LiveChange, LiveCount, LivePrice } from "@/shared/ui/values";
import { ApiDialog } from "./ApiDialog";
import { runWhole, UNSAVED_MS, useDropScreen, useSaveScreen } from "./api";
import { ColumnsDialog } from "./ColumnsDialog";
import { isWords, ValueCell } from "./cells";
import type { Event } from "./comings";
import { EntrySpeaker, EventStrip } from "./EventStrip";
import { alertForm, FIXED, orderOf, sortText, unknownWords } from "./query";
import { type Asking, SaveDialog, textUnder } from "./SaveDialog";
import classes from "./Screener.module.css";
import type { ResultPage, ResultRow } from "./types";
import { useComings } from "./useComings";
import { useScreenRoom } from "./useRoom";
import type { OneScreen } from "./useScreen";

const REASK_MS = 1000;

export function ResultsPanel({ one }: { one: OneScreen }) {
  const { result, run, screen, search } = one;
  const intermediate = useShows("intermediate");
  const clock = useMarketClock();
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
    () => tableColumns(result, intermediate, !search.as_of),
    [result, intermediate, search.as_of],
  );
  const order = orderOf(search.sort);
  const failed = run.isError && one.errors.length === 0;
  const own = stateOf(
    { ...run, data: failed ? run.data : (result ?? run.data), isPending: run.isPending && !result },
    {
      when: result !== undefined && rows.length === 0,
      why: search.as_of
        ? "Nobody matched on that day."
        : "Nobody matches now. A screen of a moving market can be empty: it fills by itself.",
    },
  );
  const state = withUnknown(useFresh(wrong(one, own)), result, one.labels);
  const title = one.isChanged && screen ? `${one.name}, changed` : one.name;

  return (
    <Panel
      title={title}
      source={result?.source}
      asOf={result?.as_of}
      clock={search.as_of ? null : clock}
      height={480}
      flush={own.kind !== "loading"}
      state={state}
      tools={<Tools one={one} title={title} onAsk={setAsking} onDialog={setDialog} />}
    >
      <Words one={one} isLive={isKept} count={result?.count ?? 0} />
      {isKept && <EventStrip events={room.events} />}
      <DataTable
        label={title}
        rows={rows}
        columns={columns}
        keyOf={(row) => row.instrument}
        rowClass={(row) => classes[marks.get(row.instrument) ?? ""]}
        sort={order && { id: order.by, down: order.descending }}
        onSort={(sort) => one.go({ sort: sortText(sort && { by: sort.id, descending: sort.down }) })}
        height={680}
        onOpen={(row) => void navigate({ to: "/symbol/$id", params: { id: row.instrument }, search: {} })}
      />
      <Foot one={one} isKept={isKept} />
      <EntrySpeaker news={news} screen={one.name} />
      <SaveDialog asking={asking} one={one} onClose={() => setAsking(null)} />
      <ColumnsDialog one={one} isOpen={dialog === "columns"} onClose={() => setDialog(null)} />
      {one.body && <ApiDialog body={one.body} isOpen={dialog === "api"} onClose={() => setDialog(null)} />}
    </Panel>
  );
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

function Tools(props: {
  one: OneScreen;
  title: string;
  onAsk: (what: Asking) => void;
  onDialog: (what: "columns" | "api") => void;
}) {
  const { one, title, onAsk, onDialog } = props;
  const intermediate = useShows("intermediate");
  const advanced = useShows("advanced");
  const save = useSaveScreen();
  const drop = useDropScreen();
  const { screen, form, search } = one;
  const isOwn = screen?.kind === "saved";
  const isTouched = one.isChanged || Boolean(search.sort) || Boolean(search.columns);
  const fail = (error: Error) =>
    notifications.show({ title: "That did not work", message: error.message, color: "red" });
  const csv = () => {
    // Every row, not only those that are shown.
    if (one.body) runWhole(one.body).then((whole) => saveRows(one.name, whole), fail);
  };
  const keep = () => {
    if (!screen) return;
    textUnder(one, screen.name)
      .then((text) => save.mutateAsync({ screen_id: screen.screen_id, name: screen.name, text }))
      .then(() => one.go({ text: undefined, sort: undefined, columns: undefined }), fail);
  };
  usePageKeys({ e: csv, ...(intermediate && { c: () => onDialog("columns") }) });
  return (
    <>
      {intermediate && isTouched && isOwn && (
        <Button size="compact-sm" loading={save.isPending} onClick={keep}>
          Save
        </Button>
      )}
      {intermediate && isTouched && !isOwn && (
        <Button
          size="compact-sm"
          variant="default"
          leftSection={<Save size={14} aria-hidden />}
          onClick={() => onAsk("new")}
        >
          Save
        </Button>
      )}
      {intermediate && (
        <Button
          size="compact-sm"
          variant="subtle"
          leftSection={<Columns3 size={15} aria-hidden />}
          onClick={() => onDialog("columns")}
        >
          Columns
        </Button>
      )}
      {advanced && form && <AlertMe one={one} onFail={fail} />}
      <Menu position="bottom-end" withinPortal>
        <Menu.Target>
          <ActionIcon size={28} aria-label={`${title}: more`}>
            <EllipsisVertical size={16} aria-hidden />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<RefreshCw size={14} aria-hidden />} onClick={() => void one.run.refetch()}>
            Refresh
          </Menu.Item>
          <Menu.Item leftSection={<Table2 size={14} aria-hidden />} onClick={csv}>
            Save as CSV
          </Menu.Item>
          {intermediate && (
            <Menu.Item leftSection={<Save size={14} aria-hidden />} onClick={() => onAsk("new")}>
              Save as a new screen
            </Menu.Item>
          )}
          {advanced && (
            <Menu.Item leftSection={<Code size={14} aria-hidden />} onClick={() => onDialog("api")}>
              Ask from a program
            </Menu.Item>
          )}
          {isOwn && (
            <>
              <Menu.Item leftSection={<Pencil size={14} aria-hidden />} onClick={() => onAsk("rename")}>
                Rename
              </Menu.Item>
              <Menu.Item
                leftSection={<Trash2 size={14} aria-hidden />}
                onClick={() =>
                  drop.mutate(screen.screen_id, {
                    onSuccess: () => one.go({}, { isNew: true }),
                    onError: fail,
                  })
                }
              >
                Delete the screen
              </Menu.Item>
            </>
          )}
        </Menu.Dropdown>
      </Menu>
    </>
  );
}

/** The rule builder, filled with an alert for who enters and who leaves. */
function AlertMe({ one, onFail }: { one: OneScreen; onFail: (error: Error) => void }) {
  const navigate = useNavigate();
  const open = () => {
    if (!one.form) return;
    writeForm(alertForm(one.form, one.name)).then(({ text, errors }) => {
      const [fault] = errors;
      if (fault) onFail(new Error(fault.message));
      else void navigate({ to: "/rules/new", search: { text } });
    }, onFail);
  };
  return (
    <Button
      size="compact-sm"
      variant="subtle"
      leftSection={<BellPlus size={15} aria-hidden />}
      title="Alert me when the membership changes"
      onClick={open}
    >
      Alert me
    </Button>
  );
}

function saveRows(name: string, whole: ResultPage): void {
  saveCsv(
    name,
    [
      "instrument",
      "name",
      "close",
      "change_pct",
      "volume",
      ...whole.columns.map((column) => column.expression),
    ],
    whole.items.map((row) => [
      row.instrument,
      row.name,
      row.close,
      row.change_pct,
      row.volume,
      ...row.values.map((value) => (typeof value === "boolean" ? String(value) : value)),
    ]),
  );
}

function tableColumns(
  result: ResultPage | undefined,
  intermediate: boolean,
  isLive: boolean,
): Column<ResultRow>[] {
  const columns: Column<ResultRow>[] = [
    {
      id: "symbol",
      title: "Company",
      text: (row) => row.symbol,
      cell: (row) => (
        <span className={page.two}>
          <Link to="/symbol/$id" params={{ id: row.instrument }} search={{}} className={page.link}>
            {row.symbol}
          </Link>
          {row.name && row.name !== row.symbol && <small>{row.name}</small>}
        </span>
      ),
    },
    {
      id: "close",
      title: "Price",
      align: "right",
      value: (row) => (isLive ? quotes.get(row.instrument).close : row.close),
      cell: (row) => (isLive ? <LivePrice instrument={row.instrument} /> : <Plain value={row.close} />),
    },
    {
      id: "change_pct",
      title: "Change",
      align: "right",
      value: (row) => (isLive ? quotes.get(row.instrument).change_pct : row.change_pct),
      cell: (row) =>
        isLive ? <LiveChange instrument={row.instrument} /> : <ChangeText value={row.change_pct} />,
    },
  ];
  const own = (result?.columns ?? []).map((column, index) => ({ column, index }));
  // What is always there is not shown twice.
  const shown = own.filter(({ column }) => !FIXED.has(column.expression));
  if (intermediate && isLive && !shown.some(({ column }) => column.expression.endsWith("volume")))
    columns.push({
      id: "volume",
      title: "Volume",
      align: "right",
      value: (row) => quotes.get(row.instrument).volume,
      cell: (row) => <LiveCount instrument={row.instrument} />,
    });
  for (const { column, index } of shown) {
    const words = isWords(column.type);
    columns.push({
      id: column.expression,
      title: column.label,
      about: column.expression,
      align: words ? "left" : "right",
      ...(words
        ? { text: (row: ResultRow) => String(row.values[index] ?? "") }
        : { value: (row: ResultRow) => row.values[index] as string | number | null }),
      cell: (row) => <ValueCell value={row.values[index]} column={column} />,
    });
  }
  return columns;
}

function Plain({ value }: { value: string | number | null }) {
  const formats = useFormats();
  return <span className="num">{formats.price(value)}</span>;
}
