/** Advanced: how far the engine is with its log, which process evaluates what, and what of the log is missing. */
import { useQuery } from "@tanstack/react-query";
import { statusQuery } from "@/shared/api/queries";
import type { PartitionRow, StreamProcess } from "@/shared/api/types";
import { duration } from "@/shared/format/time";
import { useFormats } from "@/shared/format/use";
import { type Column, DataTable } from "@/shared/ui/DataTable";
import { Panel, stateOf } from "@/shared/ui/Panel";
import { engineWords, newestGaps } from "./engine";
import classes from "./HealthPage.module.css";
import { StateWord } from "./StateWord";

const GAPS_SHOWN = 5;

export function EnginePanel({ className }: { className: string | undefined }) {
  const query = useQuery(statusQuery);
  const formats = useFormats();
  const rows = query.data?.partitions ?? [];
  const processes = query.data?.stream ?? [];
  const isSplit = processes.length > 1;
  const columns: Column<PartitionRow>[] = [
    {
      id: "partition",
      title: "Partition",
      cell: (row) => <span className="num">{row.partition}</span>,
    },
    ...(isSplit
      ? [
          {
            id: "shards",
            title: "Shards",
            cell: (row: PartitionRow) => <span className="num">{row.shards ?? "—"}</span>,
          },
        ]
      : [
          {
            id: "epoch",
            title: "Epoch",
            about: "Which run of the log",
            cell: (row: PartitionRow) => <code className="mono">{row.epoch?.slice(0, 8) ?? "—"}</code>,
          },
        ]),
    {
      id: "state",
      title: "State",
      cell: (row) =>
        row.state ? <StateWord state={row.state} error={row.state === "running" ? null : row.reason} /> : "—",
    },
    {
      id: "offset",
      title: "Offset",
      about: "How far the log was taken",
      align: "right",
      cell: (row) => <span className="num">{row.offset ?? "—"}</span>,
    },
    {
      id: "lag",
      title: "Lag",
      about: "Entries of the log that wait",
      align: "right",
      cell: (row) => <span className="num">{formats.count(row.lag)}</span>,
    },
    {
      id: "checkpoint",
      title: "Checkpoint",
      about: "Age of the newest saved state",
      align: "right",
      cell: (row) => (
        <span className="num">
          {row.checkpoint_age_s === null ? "none yet" : `${duration(row.checkpoint_age_s)} ago`}
        </span>
      ),
    },
    {
      id: "gaps",
      title: "Gaps",
      align: "right",
      cell: (row) => <span className="num">{formats.count(row.gaps)}</span>,
    },
  ];
  const gaps = newestGaps(rows, GAPS_SHOWN);
  return (
    <Panel
      title="Engine"
      className={className}
      source={query.data?.ticks_per_s ? `${formats.number(query.data.ticks_per_s, 0)} ticks a second` : null}
      height={160}
      flush={rows.length > 0}
      state={stateOf(query, { when: rows.length === 0, why: "The engine has not reported yet." })}
    >
      {processes.length > 0 && (
        <p className={classes.lead}>
          {engineWords(processes)} {rows.every((row) => row.gaps === 0) && "Nothing of the log is missing."}
        </p>
      )}
      {isSplit && <ProcessesTable processes={processes} />}
      <DataTable
        label="Engine by partition"
        rows={rows}
        columns={columns}
        keyOf={(row) => `${row.partition} ${row.shards}`}
      />
      {gaps.length > 0 && (
        <div className={classes.gaps}>
          <h3>Newest gaps</h3>
          <ul>
            {gaps.map((gap) => (
              <li key={gap.id}>
                <time dateTime={gap.at ?? undefined} className="num">
                  {formats.full(gap.at)}
                </time>
                {gap.words}
              </li>
            ))}
          </ul>
        </div>
      )}
    </Panel>
  );
}

function ProcessesTable({ processes }: { processes: StreamProcess[] }) {
  const formats = useFormats();
  const columns: Column<StreamProcess>[] = [
    { id: "shards", title: "Shards", cell: (row) => <b className="num">{row.shards}</b> },
    {
      id: "role",
      title: "Role",
      cell: (row) => (row.is_owner ? "evaluates" : "stands by"),
    },
    { id: "leader", title: "Whole market", cell: (row) => (row.is_leader ? "makes the lists" : "—") },
    {
      id: "rate",
      title: "Ticks a second",
      align: "right",
      cell: (row) => <span className="num">{formats.number(row.ticks_per_s, 0)}</span>,
    },
  ];
  if (processes.some((row) => row.problem))
    columns.push({ id: "problem", title: "Problem", cell: (row) => row.problem ?? "—" });
  return (
    <div className={classes.processes}>
      <DataTable
        label="Processes of the engine"
        rows={processes}
        columns={columns}
        keyOf={(row) => `${processes.indexOf(row)}`}
      />
    </div>
  );
}
