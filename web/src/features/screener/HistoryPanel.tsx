/** Who was in the screen and when: what entered and left in the last month. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { toMillis } from "@/shared/format/time";
import { useFormats } from "@/shared/format/use";
import { type Column, DataTable } from "@/shared/ui/DataTable";
import { Panel, stateOf } from "@/shared/ui/Panel";
import page from "@/shared/ui/page.module.css";
import { saveCsv } from "@/shared/ui/save";
import { historyQuery } from "./api";
import type { Passage, ScreenInfo } from "./types";

const DAYS = 30;

export function HistoryPanel({ screen }: { screen: ScreenInfo }) {
  const query = useQuery(historyQuery(screen.screen_id, DAYS));
  const formats = useFormats();
  const rows = query.data ?? [];
  const columns: Column<Passage>[] = [
    {
      id: "at",
      title: "When",
      value: (row) => toMillis(row.at),
      cell: (row) => (
        <time className="num" title={formats.full(row.at)}>
          {formats.dayShort(row.at)} {formats.clock(row.at)}
        </time>
      ),
    },
    {
      id: "symbol",
      title: "Company",
      text: (row) => row.symbol,
      cell: (row) => (
        <Link to="/symbol/$id" params={{ id: row.instrument }} search={{}} className={page.link}>
          {row.symbol}
        </Link>
      ),
    },
    {
      id: "event",
      title: "What",
      text: (row) => row.event,
      cell: (row) => (row.event === "enter" ? "entered" : "left"),
    },
  ];
  return (
    <Panel
      title="History"
      label="Who entered and left"
      source={`last ${DAYS} days, ${formats.zoneWord}`}
      height={240}
      flush={rows.length > 0}
      state={stateOf(query, {
        when: rows.length === 0,
        why: `Nobody has entered or left in the last ${DAYS} days, as far as the screen was watched.`,
      })}
      onRefresh={() => void query.refetch()}
      onCsv={() =>
        saveCsv(
          `${screen.name} history`,
          ["at", "instrument", "event"],
          rows.map((row) => [row.at, row.instrument, row.event]),
        )
      }
    >
      <DataTable
        label="Who entered and left"
        rows={rows}
        columns={columns}
        keyOf={(row) => `${row.event} ${row.instrument} ${row.at}`}
        height={320}
      />
    </Panel>
  );
}
