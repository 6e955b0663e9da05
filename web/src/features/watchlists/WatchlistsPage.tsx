/** Lists of one's own: tabs, live rows, drag or keys to order, a pasted list to fill one. */
import { ActionIcon, Button, Menu, Modal, SegmentedControl, Textarea, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import {
  ArrowDown,
  ArrowUp,
  ClipboardPaste,
  EllipsisVertical,
  Pencil,
  Plus,
  Table2,
  Trash2,
  X,
} from "lucide-react";
import { type FormEvent, useEffect, useMemo, useState } from "react";
import {
  universeQuery,
  useDropWatchlist,
  useNewWatchlist,
  useSaveWatchlist,
  watchlistsQuery,
} from "@/shared/api/queries";
import type { Stock, Watchlist } from "@/shared/api/types";
import { useFormats } from "@/shared/format/use";
import { quotes, useJoin, useQuote } from "@/shared/live/hooks";
import { sourceWord, useMarketClock, useSource } from "@/shared/live/market";
import { seed } from "@/shared/live/seed";
import { useShows } from "@/shared/prefs/prefs";
import { openCommand } from "@/shared/ui/command";
import { type Column, DataTable, type Sort } from "@/shared/ui/DataTable";
import { Panel, stateOf } from "@/shared/ui/Panel";
import page from "@/shared/ui/page.module.css";
import { saveCsv } from "@/shared/ui/save";
import { Flash, LiveChange, LiveCount, LivePrice, RangeBar } from "@/shared/ui/values";
import { parsePasted } from "./paste";
import classes from "./WatchlistsPage.module.css";

export function WatchlistsPage() {
  const lists = useQuery(watchlistsQuery);
  const search = useSearch({ from: "/watchlists" });
  const navigate = useNavigate();
  const [asking, setAsking] = useState<"new" | "rename" | "paste" | null>(null);
  const current = lists.data?.find((list) => list.watchlist_id === search.list) ?? lists.data?.[0];
  const go = (list: string | undefined) =>
    void navigate({ to: "/watchlists", search: { list }, replace: true });
  return (
    <>
      <div className={page.headline}>
        <h1>Watchlists</h1>
        <div className={classes.actions}>
          {(lists.data?.length ?? 0) > 1 && current && (
            <SegmentedControl
              aria-label="Watchlist"
              data={(lists.data ?? []).map((list) => ({ value: list.watchlist_id, label: list.name }))}
              value={current.watchlist_id}
              onChange={go}
            />
          )}
          <Button
            variant="default"
            leftSection={<Plus size={16} aria-hidden />}
            onClick={() => setAsking("new")}
          >
            New list
          </Button>
        </div>
      </div>
      {current ? (
        <ListPanel key={current.watchlist_id} list={current} onAsk={setAsking} onGone={() => go(undefined)} />
      ) : (
        <Panel
          title="Your first watchlist"
          height={260}
          state={stateOf(lists, {
            when: true,
            why: "A watchlist keeps the companies you follow in one place, with live prices. Make one here, or press the star on a company's page.",
            action: <Button onClick={() => setAsking("new")}>Make a watchlist</Button>,
          })}
        />
      )}
      <ListDialog asking={asking} current={current} onClose={() => setAsking(null)} onMade={go} />
    </>
  );
}

function ListPanel({
  list,
  onAsk,
  onGone,
}: {
  list: Watchlist;
  onAsk: (what: "rename" | "paste") => void;
  onGone: () => void;
}) {
  const universe = useQuery(universeQuery);
  const save = useSaveWatchlist();
  const drop = useDropWatchlist();
  const source = useSource();
  const clock = useMarketClock();
  const navigate = useNavigate();
  const intermediate = useShows("intermediate");
  const advanced = useShows("advanced");
  const formats = useFormats();
  const [sort, setSort] = useState<Sort | undefined>(undefined);
  useJoin(`watchlist:${list.watchlist_id}`);
  useEffect(
    () => seed(universe.data?.items.filter((stock) => list.instruments.includes(stock.instrument))),
    [universe.data, list],
  );
  const known = useMemo(
    () => new Map((universe.data?.items ?? []).map((stock) => [stock.instrument, stock])),
    [universe.data],
  );
  const rows = useMemo(
    () =>
      list.instruments.map(
        (key) => known.get(key) ?? ({ instrument: key, symbol: key.split(":")[1] ?? key, name: "" } as Stock),
      ),
    [list, known],
  );
  const put = (instruments: string[]) => save.mutate({ ...list, instruments });
  const move = (key: string, by: number) => {
    const next = list.instruments.filter((one) => one !== key);
    next.splice(Math.max(0, list.instruments.indexOf(key) + by), 0, key);
    put(next);
  };
  const live = (key: string, field: string) => quotes.get(key)[field];
  const columns: Column<Stock>[] = [
    {
      id: "symbol",
      title: "Company",
      text: (stock) => stock.symbol,
      cell: (stock) => (
        <span className={page.two}>
          <Link to="/symbol/$id" params={{ id: stock.instrument }} search={{}} className={page.link}>
            {stock.symbol}
          </Link>
          {stock.name && stock.name !== stock.symbol && <small>{stock.name}</small>}
        </span>
      ),
    },
    {
      id: "close",
      title: "Price",
      align: "right",
      value: (stock) => live(stock.instrument, "close"),
      cell: (stock) => <LivePrice instrument={stock.instrument} tick={stock.tick_size} />,
    },
    {
      id: "change",
      title: "Change",
      align: "right",
      value: (stock) => live(stock.instrument, "change_pct"),
      cell: (stock) => <LiveChange instrument={stock.instrument} />,
    },
  ];
  if (intermediate)
    columns.push(
      {
        id: "volume",
        title: "Volume",
        align: "right",
        value: (stock) => live(stock.instrument, "volume"),
        cell: (stock) => <LiveCount instrument={stock.instrument} />,
      },
      {
        id: "day",
        title: "Day's range",
        width: 190,
        cell: (stock) => <LiveRange stock={stock} low="day.low" high="day.high" label="Day's range" />,
      },
      {
        id: "year",
        title: "52 weeks",
        width: 120,
        cell: (stock) => <LiveRange stock={stock} low="low_52w" high="high_52w" label="52-week range" bare />,
      },
    );
  if (advanced)
    columns.push(
      {
        id: "bid",
        title: "Bid",
        align: "right",
        value: (stock) => live(stock.instrument, "bid"),
        cell: (stock) => <LivePrice instrument={stock.instrument} tick={stock.tick_size} field="bid" />,
      },
      {
        id: "ask",
        title: "Ask",
        align: "right",
        value: (stock) => live(stock.instrument, "ask"),
        cell: (stock) => <LivePrice instrument={stock.instrument} tick={stock.tick_size} field="ask" />,
      },
      {
        id: "vwap",
        title: "VWAP",
        align: "right",
        value: (stock) => live(stock.instrument, "vwap"),
        cell: (stock) => <LivePrice instrument={stock.instrument} tick={stock.tick_size} field="vwap" />,
      },
      {
        id: "age",
        title: "Age",
        align: "right",
        cell: (stock) => <Age instrument={stock.instrument} clock={clock} />,
      },
    );
  columns.push({
    id: "act",
    title: "",
    about: "Actions",
    align: "right",
    cell: (stock) => (
      <span className={classes.rowActions}>
        <ActionIcon
          size={28}
          aria-label={`Move ${stock.symbol} up`}
          disabled={Boolean(sort) || list.instruments[0] === stock.instrument}
          onClick={() => move(stock.instrument, -1)}
        >
          <ArrowUp size={15} aria-hidden />
        </ActionIcon>
        <ActionIcon
          size={28}
          aria-label={`Move ${stock.symbol} down`}
          disabled={Boolean(sort) || list.instruments.at(-1) === stock.instrument}
          onClick={() => move(stock.instrument, 1)}
        >
          <ArrowDown size={15} aria-hidden />
        </ActionIcon>
        <ActionIcon
          size={28}
          aria-label={`Remove ${stock.symbol}`}
          onClick={() => put(list.instruments.filter((key) => key !== stock.instrument))}
        >
          <X size={15} aria-hidden />
        </ActionIcon>
      </span>
    ),
  });
  const csv = () =>
    saveCsv(
      list.name,
      ["instrument", "name", "close", "change_pct", "volume"],
      rows.map((stock) => [
        stock.instrument,
        stock.name,
        ...["close", "change_pct", "volume"].map((name) => live(stock.instrument, name)),
      ]),
    );
  return (
    <Panel
      title={list.name}
      source={sourceWord(source)}
      asOf={clock}
      clock={clock}
      flush={rows.length > 0}
      state={
        rows.length === 0
          ? {
              kind: "empty",
              why: "This list is empty.",
              action: (
                <span className={classes.actions}>
                  <Button variant="default" size="xs" onClick={() => openCommand()}>
                    Search a company
                  </Button>
                  <Button variant="default" size="xs" onClick={() => onAsk("paste")}>
                    Paste a list
                  </Button>
                </span>
              ),
            }
          : { kind: "ready" }
      }
      tools={
        <>
          {save.isError && (
            <span role="alert" className={classes.error}>
              {save.error.message}
            </span>
          )}
          <Button
            variant="subtle"
            size="compact-sm"
            leftSection={<ClipboardPaste size={15} aria-hidden />}
            onClick={() => onAsk("paste")}
          >
            Add
          </Button>
          <Menu position="bottom-end" withinPortal>
            <Menu.Target>
              <ActionIcon aria-label="This list" size={28}>
                <EllipsisVertical size={16} aria-hidden />
              </ActionIcon>
            </Menu.Target>
            <Menu.Dropdown>
              <Menu.Item leftSection={<Pencil size={14} aria-hidden />} onClick={() => onAsk("rename")}>
                Rename
              </Menu.Item>
              <Menu.Item leftSection={<Table2 size={14} aria-hidden />} onClick={csv}>
                Save as CSV
              </Menu.Item>
              <Menu.Item
                leftSection={<Trash2 size={14} aria-hidden />}
                onClick={() => drop.mutate(list.watchlist_id, { onSuccess: onGone })}
              >
                Delete the list
              </Menu.Item>
            </Menu.Dropdown>
          </Menu>
        </>
      }
    >
      <DataTable
        label={list.name}
        rows={rows}
        columns={columns}
        keyOf={(stock) => stock.instrument}
        sort={sort}
        onSort={setSort}
        live
        height={680}
        onOpen={(stock) => void navigate({ to: "/symbol/$id", params: { id: stock.instrument }, search: {} })}
      />
      <p className={classes.total}>
        {formats.count(rows.length)} {rows.length === 1 ? "instrument" : "instruments"}
        {sort && " · sorted by a column: press its head until the arrow is gone to order by hand"}
      </p>
    </Panel>
  );
}

function LiveRange({
  stock,
  low,
  high,
  label,
  bare,
}: {
  stock: Stock;
  low: string;
  high: string;
  label: string;
  bare?: boolean;
}) {
  const row = useQuote(stock.instrument);
  return (
    <RangeBar
      label={label}
      low={row[low]}
      high={row[high]}
      value={row.close}
      tick={stock.tick_size}
      showEnds={!bare}
    />
  );
}

function Age({ instrument, clock }: { instrument: string; clock: number | null }) {
  const event = useQuote(instrument).event_time;
  const formats = useFormats();
  return (
    <Flash value={null}>
      <span className="dim">{event && clock ? formats.ago(event, clock) : "—"}</span>
    </Flash>
  );
}

function ListDialog(props: {
  asking: "new" | "rename" | "paste" | null;
  current: Watchlist | undefined;
  onClose: () => void;
  onMade: (id: string) => void;
}) {
  const { asking, current, onClose, onMade } = props;
  const titles = { new: "New watchlist", rename: "Rename the list", paste: "Add companies" };
  return (
    <Modal opened={asking !== null} onClose={onClose} title={asking ? titles[asking] : ""}>
      {asking && (
        <ListForm key={asking} asking={asking} current={current} onClose={onClose} onMade={onMade} />
      )}
    </Modal>
  );
}

function ListForm(props: {
  asking: "new" | "rename" | "paste";
  current: Watchlist | undefined;
  onClose: () => void;
  onMade: (id: string) => void;
}) {
  const { asking, current, onClose, onMade } = props;
  const make = useNewWatchlist();
  const save = useSaveWatchlist();
  const [name, setName] = useState(asking === "rename" ? (current?.name ?? "") : "");
  const [pasted, setPasted] = useState("");
  const keys = parsePasted(pasted);
  const busy = make.isPending || save.isPending;
  const failed = make.error ?? save.error;
  const ready = asking === "paste" ? keys.length > 0 : name.trim() !== "";
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!ready || busy) return;
    if (asking === "new")
      make.mutate(
        { name: name.trim(), instruments: keys },
        {
          onSuccess: (made) => {
            onMade(made.watchlist_id);
            onClose();
          },
        },
      );
    else if (current)
      save.mutate(
        asking === "rename"
          ? { ...current, name: name.trim() }
          : { ...current, instruments: [...new Set([...current.instruments, ...keys])] },
        { onSuccess: onClose },
      );
  };
  return (
    <form onSubmit={submit} className={classes.form}>
      {asking !== "paste" && (
        <TextInput
          label="Name"
          maxLength={80}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          data-autofocus
        />
      )}
      {asking !== "rename" && (
        <Textarea
          label="Symbols"
          description="One a line, or with commas or spaces between: RELIANCE, INFY, TCS"
          minRows={4}
          autosize
          value={pasted}
          onChange={(event) => setPasted(event.currentTarget.value)}
          {...(asking === "paste" && { "data-autofocus": true })}
        />
      )}
      {failed && (
        <p role="alert" className={classes.error}>
          {failed.message}
        </p>
      )}
      <div className={classes.actions}>
        <Button type="submit" loading={busy} disabled={!ready}>
          {asking === "new"
            ? "Make the list"
            : asking === "rename"
              ? "Rename"
              : `Add ${keys.length || ""}`.trim()}
        </Button>
        <Button variant="subtle" onClick={onClose}>
          Cancel
        </Button>
      </div>
    </form>
  );
}
