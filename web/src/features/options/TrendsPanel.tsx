/** How the chain's figures moved: PCR, max pain beside the price, volatility, or any other of them. */
import { NativeSelect, SegmentedControl } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { isKnown } from "@/shared/format/numbers";
import { toMillis } from "@/shared/format/time";
import { useFormats } from "@/shared/format/use";
import { useShows } from "@/shared/prefs/prefs";
import { Panel, stateOf } from "@/shared/ui/Panel";
import { saveCsv } from "@/shared/ui/save";
import { historyQuery, metricsQuery } from "./api";
import { PERIODS, type Period, periodOf } from "./moments";
import classes from "./options.module.css";
import { type Line, Plot } from "./plot/Plot";
import { nearest, roundMoments, squeeze } from "./plot/scale";
import { TableBox } from "./TableBox";
import type { Moment } from "./types";
import type { Options } from "./useOptions";

interface Trend {
  value: string;
  label: string;
  names: readonly string[];
  title: string;
  withSpot?: boolean;
  digits: number;
}

const TRENDS: readonly Trend[] = [
  { value: "pcr", label: "PCR", names: ["pcr_oi"], title: "Puts over calls", digits: 2 },
  { value: "pain", label: "Max pain", names: ["max_pain"], title: "Price", withSpot: true, digits: 0 },
  { value: "iv", label: "ATM IV", names: ["atm_iv"], title: "% a year", digits: 1 },
  { value: "oi", label: "OI", names: ["call_oi", "put_oi"], title: "Units", digits: 0 },
];
const COLORS: Record<string, string> = {
  pcr_oi: "var(--mb-accent)",
  max_pain: "var(--mb-accent)",
  atm_iv: "var(--mb-accent)",
  call_oi: "var(--opt-call)",
  put_oi: "var(--opt-put)",
};
const NAMES: Record<string, string> = {
  pcr_oi: "PCR (OI)",
  max_pain: "Max pain",
  atm_iv: "ATM IV",
  call_oi: "Call OI",
  put_oi: "Put OI",
};
/** Hours without a market are drawn as half an hour. */
const LONGEST_GAP_MS = 30 * 60_000;
const MINUTE_MS = 60_000;
const DAY_MINUTES = 1440;
const MOST_TICKS = 6;
const ALL_NAMES = [...new Set(TRENDS.flatMap((trend) => trend.names))];

export function TrendsPanel({ options, className }: { options: Options; className: string | undefined }) {
  const { underlying, symbol, expiry, expiries, asOf, chain } = options;
  const formats = useFormats();
  const advanced = useShows("advanced");
  const [chosen, setChosen] = useState("pcr");
  const [period, setPeriod] = useState<Period>("1D");
  const [asTable, setTable] = useState(false);
  const fields = useQuery({ ...metricsQuery(underlying, asOf), enabled: advanced }).data?.fields ?? [];
  const trend = TRENDS.find((one) => one.value === chosen) ?? ownTrend(chosen, fields);
  const newest = asOf ?? chain?.as_of ?? expiries.find((one) => one.expiry === expiry)?.as_of;
  const { from, to } = periodOf(period, newest);
  // One question brings all usual figures: turning from one to the next is instant.
  const names = (
    ALL_NAMES.includes(chosen) || TRENDS.some((one) => one.value === chosen) ? ALL_NAMES : trend.names
  ).join(",");
  const query = useQuery(historyQuery({ underlying, expiry, from, to, names }));
  const moments = useMemo(
    () => (query.data ?? []).filter((one) => toMillis(one.as_of) !== null),
    [query.data],
  );
  const labelOf = (name: string) => fields.find((one) => one.name === name)?.label || NAMES[name] || name;
  const { lines, positions } = useMemo(() => linesOf(moments, trend), [moments, trend]);
  const named = lines.map((line) => ({ ...line, name: line.id === "spot" ? symbol : labelOf(line.id) }));
  const last = moments[moments.length - 1];
  const first = moments[0];
  const timeAt = (position: number): string => {
    const at = moments[nearest(positions, position)]?.as_of;
    return period === "1D" ? formats.clock(at, false) : `${formats.dayShort(at)} ${formats.clock(at, false)}`;
  };
  const starts = useMemo(() => {
    const millis = moments.map((one) => toMillis(one.as_of) ?? 0);
    const at = millis[0];
    if (at === undefined) return [];
    // What the zone's clock shows beside UTC's, in the minutes of a day: all that round times need.
    const [hours = 0, minutes = 0] = formats.clock(at, false).split(":").map(Number);
    const offset =
      (hours * 60 + minutes) * MINUTE_MS - (Math.floor(at / MINUTE_MS) % DAY_MINUTES) * MINUTE_MS;
    return roundMoments(millis, MOST_TICKS, offset).map((index) => positions[index] ?? 0);
  }, [moments, positions, formats]);
  const summary = named
    .map((line) => {
      const values = line.dots.map(([, value]) => value).filter((value) => value !== null);
      const [start, end] = [values[0], values[values.length - 1]];
      return start === undefined || end === undefined
        ? `${line.name}: not known`
        : `${line.name} from ${formats.number(start, trend.digits)} to ${formats.number(end, trend.digits)}`;
    })
    .join("; ");
  return (
    <Panel
      title="Trends"
      className={className ?? ""}
      height={320}
      source={first && last ? `${formats.full(first.as_of)} to ${formats.clock(last.as_of)}` : null}
      state={stateOf(query, {
        when: moments.length < 2,
        why: "A trend needs two stored moments; the newer of them has yet to come.",
      })}
      asTable={asTable}
      onTable={() => setTable(!asTable)}
      onCsv={() =>
        saveCsv(
          `${symbol}-${expiry}-trends`,
          ["as_of", "spot", ...trend.names],
          moments.map((one) => [
            String(one.as_of),
            one.spot,
            ...trend.names.map((name) => one.metrics[name]),
          ]),
        )
      }
      tools={
        <SegmentedControl
          size="xs"
          aria-label="How far back"
          data={PERIODS.map((value) => ({ value, label: value }))}
          value={period}
          onChange={(value) => setPeriod(value as Period)}
        />
      }
    >
      <div className={classes.trendTools}>
        <SegmentedControl
          size="xs"
          aria-label="Which figure"
          data={TRENDS.map(({ value, label }) => ({ value, label }))}
          value={chosen}
          onChange={setChosen}
        />
        {advanced && fields.length > 0 && (
          <NativeSelect
            size="xs"
            aria-label="Another figure"
            value={TRENDS.some((one) => one.value === chosen) ? "" : chosen}
            onChange={(event) => event.currentTarget.value && setChosen(event.currentTarget.value)}
            data={[
              { value: "", label: "Another…" },
              ...fields
                .filter((field) => field.name !== "oi_state")
                .map((field) => ({ value: field.name, label: field.label })),
            ]}
          />
        )}
      </div>
      {asTable ? (
        <MomentTable moments={moments} trend={trend} labelOf={labelOf} />
      ) : (
        <Plot
          label={`Trend of ${named.map((line) => line.name).join(" and ")}`}
          summary={summary}
          x={{ title: formats.zoneWord, format: timeAt, ticks: starts }}
          y={{
            title: trend.title,
            format: (value, digits) =>
              Math.abs(value) >= 1e5 ? formats.compact(value) : formats.number(value, digits, digits),
            read: (value) =>
              Math.abs(value) >= 1e6
                ? formats.compact(value)
                : formats.number(value, trend.digits, trend.digits),
          }}
          lines={named}
          height={280}
        />
      )}
    </Panel>
  );
}

function ownTrend(name: string, fields: readonly { name: string; unit: string }[]): Trend {
  const unit = fields.find((one) => one.name === name)?.unit ?? "";
  return { value: name, label: name, names: [name], title: unit, digits: 2 };
}

function linesOf(moments: readonly Moment[], trend: Trend): { lines: Line[]; positions: number[] } {
  const positions = squeeze(
    moments.map((one) => toMillis(one.as_of) ?? 0),
    LONGEST_GAP_MS,
  );
  const lines: Line[] = trend.names.map((name) => ({
    id: name,
    name,
    color: COLORS[name] ?? "var(--mb-accent)",
    dots: moments.map((one, index) => {
      const value = one.metrics[name];
      return [positions[index] ?? 0, isKnown(value) ? Number(value) : null] as const;
    }),
  }));
  if (trend.withSpot)
    lines.push({
      id: "spot",
      name: "spot",
      color: "var(--mb-text-1)",
      dots: moments.map((one, index) => [positions[index] ?? 0, one.spot] as const),
      dashed: true,
    });
  return { lines, positions };
}

function MomentTable(props: { moments: readonly Moment[]; trend: Trend; labelOf: (name: string) => string }) {
  const { moments, trend, labelOf } = props;
  const formats = useFormats();
  return (
    <TableBox label="Trend, as a table">
      <table className={classes.plain}>
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col">Price</th>
            {trend.names.map((name) => (
              <th key={name} scope="col">
                {labelOf(name)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {[...moments].reverse().map((one) => (
            <tr key={String(one.as_of)}>
              <td className="num">{formats.full(one.as_of)}</td>
              <td className="num">{formats.price(one.spot)}</td>
              {trend.names.map((name) => (
                <td key={name} className="num">
                  {formats.number(one.metrics[name], trend.digits, trend.digits)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </TableBox>
  );
}
