/** Is the data good? Feeds, processes, the engine's lag, and every quality event counted. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { deliveryQuery } from "@/shared/api/delivery";
import { feedsQuery, qualityQuery, statusQuery } from "@/shared/api/queries";
import type { Feed, ProcessRow, Quality } from "@/shared/api/types";
import { duration, toMillis } from "@/shared/format/time";
import { useFormats } from "@/shared/format/use";
import { useNow, useRoom } from "@/shared/live/hooks";
import { useLights } from "@/shared/live/lights";
import { useMarketClock } from "@/shared/live/market";
import { useShows } from "@/shared/prefs/prefs";
import { type Column, DataTable } from "@/shared/ui/DataTable";
import { Panel, stateOf } from "@/shared/ui/Panel";
import page from "@/shared/ui/page.module.css";
import { chainsWords } from "./chains";
import { DeadLettersPanel } from "./DeadLettersPanel";
import { DeliveryPanel } from "./DeliveryPanel";
import { EnginePanel } from "./EnginePanel";
import classes from "./HealthPage.module.css";
import { JobsPanel } from "./JobsPanel";
import { kindWords } from "./kinds";
import { StateWord } from "./StateWord";
import { Watches } from "./Watches";

export function HealthPage() {
  const intermediate = useShows("intermediate");
  const advanced = useShows("advanced");
  return (
    <>
      <div className={page.headline}>
        <div>
          <h1>Data health</h1>
          <p>Where the numbers come from, how old they are, and what was kept out of them.</p>
        </div>
      </div>
      <div className={page.grid}>
        <LightsPanel className={page.w4} />
        <FeedsPanel className={page.w8} />
        <DeliveryPanel className={intermediate ? page.w6 : undefined} />
        {intermediate && <JobsPanel className={page.w6} />}
        <DeadLetters />
        <QualityPanel className={page.w6} />
        <ProcessPanel className={page.w6} />
        {intermediate && <ByInstrumentPanel className={advanced ? page.w6 : undefined} />}
        {advanced && <EnginePanel className={page.w6} />}
        {intermediate && <RecentPanel />}
      </div>
    </>
  );
}

/** Part of every day for those who look into the works; for others once there are any. */
function DeadLetters() {
  const advanced = useShows("advanced");
  const dead = useQuery(deliveryQuery).data?.dead ?? 0;
  const [wasShown, setShown] = useState(false);
  const isShown = advanced || dead > 0;
  // It stays after the last one went out: the words that say so stand in it.
  if (isShown && !wasShown) setShown(true);
  return isShown || wasShown ? <DeadLettersPanel /> : null;
}

function LightsPanel({ className }: { className: string | undefined }) {
  const lights = useLights();
  const room = useRoom("market");
  return (
    <Panel title="Connections" className={className}>
      <ul className={classes.lights}>
        {lights.map((light) => (
          <li key={light.name}>
            <i className={classes[light.tone]} aria-hidden />
            <span>
              <b>{light.name}</b> {light.words}
            </span>
          </li>
        ))}
      </ul>
      <p className={classes.small}>
        {room.gaps === 0
          ? "No gap in the live sequence since this page was opened."
          : `${room.gaps} gaps in the live sequence; each was answered by a fresh snapshot.`}
      </p>
      <Watches />
    </Panel>
  );
}

function FeedsPanel({ className }: { className: string | undefined }) {
  const query = useQuery(feedsQuery);
  const formats = useFormats();
  const clock = useMarketClock();
  const advanced = useShows("advanced");
  const columns: Column<Feed>[] = [
    {
      id: "label",
      title: "Feed",
      cell: (feed) => (
        <span className={page.two}>
          <b>{feed.label}</b>
          <small>{[feed.is_simulated ? "SIMULATED" : "", feed.kind].filter(Boolean).join(" · ")}</small>
        </span>
      ),
    },
    { id: "state", title: "State", cell: (feed) => <StateWord state={feed.state} error={feed.error} /> },
    {
      id: "last",
      title: "Last tick",
      align: "right",
      cell: (feed) => (
        <span className="num" title={formats.full(feed.last_event_time)}>
          {feed.last_event_time ? formats.ago(feed.last_event_time, clock ?? Date.now()) : "—"}
        </span>
      ),
    },
    {
      id: "rate",
      title: "Rows a second",
      align: "right",
      cell: (feed) => <span className="num">{formats.number(feed.rate, 0)}</span>,
    },
    {
      id: "lag",
      title: "Frames behind",
      align: "right",
      cell: (feed) => <span className="num">{formats.count(feed.lag_frames)}</span>,
    },
  ];
  if (advanced)
    columns.push({
      id: "position",
      title: "Position",
      align: "right",
      cell: (feed) => <span className="num">{feed.position ?? "—"}</span>,
    });
  const items = query.data?.items ?? [];
  return (
    <Panel
      title="Feeds"
      className={className}
      height={224}
      flush={items.length > 0}
      state={stateOf(query, { when: items.length === 0, why: "No feed is running." })}
    >
      <DataTable label="Feeds" rows={items} columns={columns} keyOf={(feed) => feed.name} />
      {items.map((feed) => (
        <p key={feed.name} className={classes.card}>
          {feed.supports.length > 0 && <>Brings {feed.supports.join(", ")}. </>}
          {sentence(feed.limits)} {feed.tested && sentence(`Tested: ${feed.tested}`)}
        </p>
      ))}
    </Panel>
  );
}

const upper = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

function sentence(text: string): string {
  return text && !/[.!?]$/.test(text) ? `${text}.` : text;
}

function QualityPanel({ className }: { className: string | undefined }) {
  const query = useQuery(qualityQuery);
  const clock = useMarketClock();
  const formats = useFormats();
  const rows = Object.entries(query.data?.totals ?? {}).filter(([, count]) => count > 0);
  const columns: Column<[string, number]>[] = [
    {
      id: "kind",
      title: "Kind",
      text: ([kind]) => kind,
      cell: ([kind]) => (
        <span className={page.two}>
          <b className={classes.kind}>{kindWords(kind).title}</b>
          <small className={classes.long}>{kindWords(kind).means}</small>
        </span>
      ),
    },
    { id: "action", title: "Done", cell: ([kind]) => kindWords(kind).action },
    {
      id: "count",
      title: "Count",
      align: "right",
      value: ([, count]) => count,
      cell: ([, count]) => <span className="num">{formats.count(count)}</span>,
    },
  ];
  return (
    <Panel
      title="Quality"
      className={className}
      source={query.data?.source}
      asOf={query.data?.as_of}
      clock={clock}
      height={280}
      flush={rows.length > 0}
      state={stateOf(query, { when: rows.length === 0, why: "Not one faulty tick so far." })}
    >
      <DataTable
        label="Quality events by kind"
        rows={rows}
        columns={columns}
        keyOf={([kind]) => kind}
        sort={{ id: "count", down: true }}
      />
    </Panel>
  );
}

function ProcessPanel({ className }: { className: string | undefined }) {
  const query = useQuery(statusQuery);
  const formats = useFormats();
  const now = useNow();
  const advanced = useShows("advanced");
  const columns: Column<ProcessRow>[] = [
    { id: "name", title: "Process", text: (row) => row.name, cell: (row) => <b>{row.name}</b> },
    { id: "state", title: "State", text: (row) => row.state, cell: (row) => <StateWord state={row.state} /> },
    {
      id: "since",
      title: "For",
      align: "right",
      cell: (row) => {
        const since = toMillis(row.since);
        return (
          <span className="num" title={formats.full(row.since)}>
            {since === null ? "—" : duration((now - since) / 1000)}
          </span>
        );
      },
    },
  ];
  if (advanced)
    columns.push({
      id: "pid",
      title: "Pid",
      align: "right",
      cell: (row) => <span className="num">{row.pid ?? "—"}</span>,
    });
  const rows = query.data?.processes ?? [];
  return (
    <Panel
      title="Processes"
      className={className}
      source={query.data ? `Marketbell ${query.data.version}` : null}
      height={280}
      flush={rows.length > 0}
      state={stateOf(query, { when: rows.length === 0, why: "No process has reported yet." })}
    >
      {query.data?.problem && (
        <p className={classes.problem} role="status">
          <i className={classes.warn} aria-hidden /> {sentence(upper(query.data.problem))}
        </p>
      )}
      {query.data?.chains.problem && (
        <p className={classes.problem} role="status">
          <i className={classes.warn} aria-hidden /> {chainsWords(query.data.chains)}
        </p>
      )}
      <DataTable label="Processes" rows={rows} columns={columns} keyOf={(row) => row.name} />
      {advanced && query.data && !query.data.chains.problem && (
        <p className={classes.under}>{chainsWords(query.data.chains)}</p>
      )}
    </Panel>
  );
}

function ByInstrumentPanel({ className }: { className: string | undefined }) {
  const query = useQuery(qualityQuery);
  const formats = useFormats();
  const rows = query.data?.instruments ?? [];
  const kinds = Object.keys(query.data?.totals ?? {}).filter((kind) => rows.some((row) => row.kinds[kind]));
  const columns: Column<Quality["instruments"][number]>[] = [
    {
      id: "instrument",
      title: "Instrument",
      text: (row) => row.instrument,
      cell: (row) => (
        <Link to="/symbol/$id" params={{ id: row.instrument }} search={{}} className={page.link}>
          {row.instrument}
        </Link>
      ),
    },
    ...kinds.map(
      (kind): Column<Quality["instruments"][number]> => ({
        id: kind,
        title: kindWords(kind).title,
        align: "right",
        value: (row) => row.kinds[kind] ?? 0,
        cell: (row) => (
          <span className={`num ${row.kinds[kind] ? "" : "faint"}`}>
            {formats.count(row.kinds[kind] ?? 0)}
          </span>
        ),
      }),
    ),
  ];
  return (
    <Panel
      title="Quality by instrument"
      className={className}
      height={280}
      flush={rows.length > 0}
      state={stateOf(query, { when: rows.length === 0, why: "No instrument has a quality event." })}
    >
      <DataTable
        label="Quality by instrument"
        rows={rows}
        columns={columns}
        keyOf={(row) => row.instrument}
        height={420}
      />
    </Panel>
  );
}

function RecentPanel() {
  const query = useQuery(qualityQuery);
  const formats = useFormats();
  const rows = (query.data?.recent ?? []).map((event, index) => ({ ...event, id: `${index}` }));
  const columns: Column<(typeof rows)[number]>[] = [
    {
      id: "time",
      title: `Time (${formats.zoneWord})`,
      value: (row) => toMillis(row.event_time),
      cell: (row) => (
        <span className="num">
          {row.event_time ? `${formats.day(row.event_time)} ${formats.clock(row.event_time)}` : "—"}
        </span>
      ),
    },
    { id: "instrument", title: "Instrument", text: (row) => row.instrument, cell: (row) => row.instrument },
    { id: "kind", title: "Kind", text: (row) => row.kind, cell: (row) => kindWords(row.kind).title },
    { id: "action", title: "Done", text: (row) => row.action, cell: (row) => row.action },
    {
      id: "count",
      title: "Count",
      align: "right",
      value: (row) => row.count,
      cell: (row) => <span className="num">{formats.count(row.count)}</span>,
    },
  ];
  return (
    <Panel
      title="Newest quality events"
      height={240}
      flush={rows.length > 0}
      state={stateOf(query, { when: rows.length === 0, why: "No quality event yet." })}
    >
      <DataTable
        label="Newest quality events"
        rows={rows}
        columns={columns}
        keyOf={(row) => row.id}
        height={360}
      />
    </Panel>
  );
}
