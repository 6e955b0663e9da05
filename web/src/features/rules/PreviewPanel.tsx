/** What the rule would have done: how often, when, on whom, and what followed. Before it is armed. */
import { Button, Select } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { TriangleAlert } from "lucide-react";
import { lazy, Suspense, useMemo, useState } from "react";
import { stockQuery } from "@/shared/api/queries";
import { previewQuery } from "@/shared/api/rules";
import type { Preview } from "@/shared/api/ruleTypes";
import { isKnown } from "@/shared/format/numbers";
import { duration, toMillis } from "@/shared/format/time";
import { useFormats } from "@/shared/format/use";
import { useNow } from "@/shared/live/hooks";
import { useShows } from "@/shared/prefs/prefs";
import { type Column, DataTable } from "@/shared/ui/DataTable";
import { Panel, type PanelState, Skeleton } from "@/shared/ui/Panel";
import page from "@/shared/ui/page.module.css";
import { saveCsv } from "@/shared/ui/save";
import { ChangeText } from "@/shared/ui/values";
import { DayStrip } from "./DayStrip";
import { dayBars, firedBy, marksOf, pace, times } from "./preview";
import classes from "./rules.module.css";

const PreviewChart = lazy(() => import("./PreviewChart"));

const SETTLES_MS = 500;
const PERIODS = [
  { value: "30", label: "30 days" },
  { value: "90", label: "90 days" },
  { value: "365", label: "1 year" },
];

interface Props {
  /** The rule's text; null while it is not whole. */
  text: string | null;
  /** It is not whole because it cannot be read. */
  isUnread: boolean;
  /** The instrument to draw, where the rule names one. */
  instrument: string | undefined;
  /** Puts a cooldown into the rule. */
  onCooldown?: (duration: string) => void;
}

export function PreviewPanel({ text, isUnread, instrument, onCooldown }: Props) {
  const [days, setDays] = useState("90");
  const [asked] = useDebouncedValue(text, SETTLES_MS);
  const [isTable, setTable] = useState(false);
  const client = useQueryClient();
  const intermediate = useShows("intermediate");
  const options = previewQuery(asked ?? "", Number(days), undefined);
  const query = useQuery({ ...options, enabled: asked !== null, placeholderData: (old) => old });
  const isOld = query.isPlaceholderData || asked !== text;
  const cancel = () => void client.cancelQueries({ queryKey: options.queryKey });
  const preview = text === null ? undefined : query.data;
  return (
    <Panel
      title="What it would have done"
      height={360}
      state={stateOf(text, isUnread, query, preview, isOld)}
      tools={
        intermediate && (
          <Select
            size="xs"
            w={100}
            aria-label="How far back"
            data={PERIODS}
            value={days}
            onChange={(value) => setDays(value ?? "90")}
          />
        )
      }
      {...(preview && preview.markers.length > 0
        ? {
            onTable: () => setTable(!isTable),
            asTable: isTable,
            onCsv: () =>
              saveCsv(
                "preview",
                ["time", "instrument", "event", "value"],
                preview.markers.map((one) => [one.time, one.instrument, one.event, one.value]),
              ),
          }
        : {})}
    >
      {query.fetchStatus === "fetching" && <Working onCancel={cancel} key={options.queryKey.join("|")} />}
      {preview &&
        (isTable ? (
          <FiringTable preview={preview} />
        ) : (
          <Found
            preview={preview}
            text={asked ?? ""}
            days={days}
            instrument={instrument}
            {...(onCooldown && { onCooldown })}
          />
        ))}
    </Panel>
  );
}

function stateOf(
  text: string | null,
  isUnread: boolean,
  query: { isError: boolean; error: unknown; fetchStatus: string; refetch: () => unknown },
  preview: Preview | undefined,
  isOld: boolean,
): PanelState {
  if (text === null)
    return {
      kind: "empty",
      why: `${isUnread ? "Mend what is marked" : "Fill the blanks"}: then the last 90 days show how often it would have told you.`,
    };
  if (query.isError && !isOld)
    return {
      kind: "error",
      error: query.error,
      works: "The alert can be armed without it.",
      retry: query.refetch,
    };
  if (!preview && query.fetchStatus !== "fetching" && !isOld)
    return {
      kind: "empty",
      why: "It was not tried on the past.",
      action: (
        <Button variant="default" size="xs" onClick={() => void query.refetch()}>
          Try it
        </Button>
      ),
    };
  if (preview && (isOld || query.fetchStatus === "fetching")) return { kind: "refreshing" };
  return { kind: "ready" };
}

/** Says that it works and for how long, and can be stopped. */
function Working({ onCancel }: { onCancel: () => void }) {
  const [begun] = useState(Date.now);
  const now = useNow();
  const seconds = Math.max(0, Math.floor((now - begun) / 1000));
  return (
    <p className={classes.working} role="status">
      Trying it on the past{seconds > 1 ? ` (${duration(seconds)})` : ""}…
      <Button variant="subtle" size="compact-xs" onClick={onCancel}>
        Stop
      </Button>
    </p>
  );
}

function Found({
  preview,
  text,
  days,
  instrument,
  onCooldown,
}: {
  preview: Preview;
  text: string;
  days: string;
  instrument: string | undefined;
  onCooldown?: (duration: string) => void;
}) {
  const formats = useFormats();
  const intermediate = useShows("intermediate");
  const period = days === "365" ? "year" : `${days} days`;
  const bars = useMemo(() => dayBars(preview.by_day), [preview]);
  const fired = useMemo(() => firedBy(preview), [preview]);
  const busiest = preview.busiest_day;
  const useful = preview.cooldowns.filter((one) => one.removed > 0);
  return (
    <div className={classes.preview}>
      <p className={classes.count}>
        <b className="num">{times(preview.fires, formats.count)}</b> in the last {period}
      </p>
      <p className="dim">
        {pace(preview)}
        {preview.symbols_fired > 1 && ` ${formats.count(preview.symbols_fired)} instruments fired.`}
        {preview.suppressed > 0 &&
          ` ${formats.count(preview.suppressed)} more were held back by its own clauses.`}
      </p>
      {preview.is_noisy && (
        <div className={classes.noisy} role="alert">
          <TriangleAlert size={16} aria-hidden />
          <p>
            More than ten a day: nobody reads that many.{" "}
            {useful.length > 0 && onCooldown ? "Rest between two:" : ""}
          </p>
        </div>
      )}
      {onCooldown && useful.length > 0 && (preview.is_noisy || intermediate) && (
        <div className={classes.cooldowns}>
          {useful.map((one) => (
            <Button
              key={one.cooldown}
              variant="default"
              size="compact-sm"
              onClick={() => onCooldown(one.cooldown)}
            >
              {`cooldown ${one.cooldown} would remove ${formats.count(one.removed)}`}
            </Button>
          ))}
        </div>
      )}
      {preview.fires > 0 && (
        <DayStrip
          days={bars}
          label={`Firings by day: ${busiest ? `most on ${formats.day(busiest.date)} with ${busiest.count}` : "none"}; the longest quiet stretch is ${preview.longest_quiet_days} days.`}
        />
      )}
      <dl className={classes.facts}>
        <div>
          <dt>Longest quiet stretch</dt>
          <dd className="num">
            {formats.count(preview.longest_quiet_days)} {preview.longest_quiet_days === 1 ? "day" : "days"}
          </dd>
        </div>
        <div>
          <dt>Busiest day</dt>
          <dd className="num">
            {busiest ? `${formats.day(busiest.date)}, ${times(busiest.count, formats.count)}` : "none"}
          </dd>
        </div>
        {intermediate && (
          <div>
            <dt>Noise</dt>
            <dd className="num">{formats.number(preview.noise_score, 0)} of 100</dd>
          </div>
        )}
      </dl>
      <Drawing preview={preview} text={text} days={Number(days)} instrument={instrument} fired={fired} />
      {intermediate && preview.outcomes.some(wasSeen) && <Outcomes preview={preview} />}
      <History preview={preview} />
    </div>
  );
}

/** The chart of one instrument; of several, the one that is chosen. */
function Drawing({
  preview,
  text,
  days,
  instrument,
  fired,
}: {
  preview: Preview;
  text: string;
  days: number;
  instrument: string | undefined;
  fired: ReturnType<typeof firedBy>;
}) {
  const [chosen, setChosen] = useState<string | null>(null);
  const key = fired.some((one) => one.instrument === chosen)
    ? (chosen ?? undefined)
    : (instrument ?? fired[0]?.instrument);
  const stock = useQuery({ ...stockQuery(key ?? ""), enabled: key !== undefined }).data;
  // Of many firings the newest are listed: those of one instrument are asked for by themselves.
  const isCut = preview.fires > preview.markers.length;
  const own = useQuery({ ...previewQuery(text, days, key), enabled: isCut && key !== undefined }).data;
  const marks = useMemo(() => (key ? marksOf(own ?? preview, key) : []), [own, preview, key]);
  if (!key) return null;
  return (
    <>
      {fired.length > 1 && (
        <Select
          size="xs"
          label="Chart of"
          data={fired.map((one) => ({
            value: one.instrument,
            label: isCut ? one.symbol : `${one.symbol} · ${times(one.count)}`,
          }))}
          value={key}
          searchable
          onChange={setChosen}
        />
      )}
      <Suspense fallback={<Skeleton height={220} />}>
        <PreviewChart
          instrument={key}
          symbol={stock?.symbol ?? key.split(":")[1] ?? key}
          tick={stock?.tick_size}
          marks={marks}
          from={preview.history.from}
          to={preview.history.to}
        />
      </Suspense>
    </>
  );
}

const wasSeen = (one: Preview["outcomes"][number]) => one.count > 0;

const AFTER: Record<string, string> = { "5m": "5 minutes", "1h": "1 hour", "1d": "1 day" };

function Outcomes({ preview }: { preview: Preview }) {
  const formats = useFormats();
  return (
    <table className={classes.outcomes}>
      <caption>What the price did after it</caption>
      <thead>
        <tr>
          <th scope="col">After</th>
          <th scope="col">Seen</th>
          <th scope="col">Mean</th>
          <th scope="col">Median</th>
          <th scope="col">Rose</th>
        </tr>
      </thead>
      <tbody>
        {preview.outcomes.filter(wasSeen).map((one) => (
          <tr key={one.after}>
            <th scope="row">{AFTER[one.after] ?? one.after}</th>
            <td className="num">{formats.count(one.count)}</td>
            <td>
              <ChangeText value={one.mean_pct} />
            </td>
            <td>
              <ChangeText value={one.median_pct} />
            </td>
            <td className="num">
              {isKnown(one.up_pct) ? formats.percent(one.up_pct, { sign: false, digits: 0 }) : "—"}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** What it was tried on; a preview that hides its gaps would be a promise. */
function History({ preview }: { preview: Preview }) {
  const formats = useFormats();
  const { history } = preview;
  return (
    <div className={classes.history}>
      <p>
        Tried on {formats.count(history.bars)} bars of {history.timeframe} of{" "}
        {formats.count(history.instruments)} {history.instruments === 1 ? "instrument" : "instruments"}
        {history.from && history.to ? `, ${formats.day(history.from)} to ${formats.day(history.to)}` : ""}, by
        the same evaluator that will watch it, with what was known at each bar’s close.
      </p>
      {preview.may_repaint && (
        <p className={classes.warn}>
          It reads bars that still form: live it can fire where the closed bar says otherwise.
        </p>
      )}
      {history.gaps.length > 0 && (
        <>
          <p className={classes.warn}>Gaps in that history:</p>
          <ul>
            {history.gaps.map((gap) => (
              <li key={gap}>{gap}</li>
            ))}
          </ul>
        </>
      )}
      {preview.notes.map((note) => (
        <p key={note}>{note}</p>
      ))}
    </div>
  );
}

function FiringTable({ preview }: { preview: Preview }) {
  const formats = useFormats();
  const columns: Column<Preview["markers"][number]>[] = [
    {
      id: "time",
      title: `Time (${formats.zoneWord})`,
      value: (one) => toMillis(one.time),
      cell: (one) => <span className="num">{formats.full(one.time)}</span>,
    },
    {
      id: "symbol",
      title: "Instrument",
      text: (one) => one.symbol,
      cell: (one) => (
        <Link to="/symbol/$id" params={{ id: one.instrument }} search={{}} className={page.link}>
          {one.symbol}
        </Link>
      ),
    },
    {
      id: "value",
      title: "Value",
      align: "right",
      value: (one) => one.value,
      cell: (one) => <span className="num">{formats.number(one.value)}</span>,
    },
  ];
  return (
    <DataTable
      label="Firings of the preview"
      rows={preview.markers}
      columns={columns}
      keyOf={(one) => one.firing_id}
      sort={{ id: "time", down: true }}
      height={420}
      caption={preview.fires > preview.markers.length ? "The newest firings" : "All firings"}
    />
  );
}
