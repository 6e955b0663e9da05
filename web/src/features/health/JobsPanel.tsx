/** Work beside the market: what the clockwork and people asked for, how far it is, and what was given up. */
import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { RotateCw } from "lucide-react";
import { type DeadRun, deadJobsQuery, type JobRun, jobsQuery, useReplayJob } from "@/shared/api/delivery";
import { duration, toMillis } from "@/shared/format/time";
import { useFormats } from "@/shared/format/use";
import { useNow, useRoomData } from "@/shared/live/hooks";
import { useShows } from "@/shared/prefs/prefs";
import { type Column, DataTable } from "@/shared/ui/DataTable";
import { Panel, stateOf } from "@/shared/ui/Panel";
import page from "@/shared/ui/page.module.css";
import { jobWords } from "./delivery";
import classes from "./HealthPage.module.css";

export function JobsPanel({ className }: { className: string | undefined }) {
  const query = useQuery(jobsQuery);
  const dead = useQuery(deadJobsQuery).data ?? [];
  const formats = useFormats();
  const now = useNow(5_000);
  const advanced = useShows("advanced");
  const rows = query.data ?? [];
  const columns: Column<JobRun>[] = [
    {
      id: "job",
      title: "Job",
      text: (run) => run.title,
      cell: (run) => (
        <span className={page.two}>
          <b className={classes.kind}>{run.title}</b>
          <small>{run.is_scheduled ? "by the clock" : "asked for"}</small>
        </span>
      ),
    },
    { id: "state", title: "State", text: (run) => run.state, cell: (run) => <Progress run={run} /> },
    {
      id: "when",
      title: "Began",
      value: (run) => toMillis(run.started_at ?? run.created_at),
      cell: (run) => {
        const at = run.started_at ?? run.created_at;
        return (
          <span className="num" title={formats.full(at)}>
            {at ? formats.ago(at, now) : "—"}
          </span>
        );
      },
    },
    {
      id: "took",
      title: "Took",
      align: "right",
      value: (run) => took(run),
      cell: (run) => <span className="num">{duration(took(run))}</span>,
    },
  ];
  if (advanced)
    columns.push({
      id: "tries",
      title: "Tries",
      align: "right",
      value: (run) => run.attempts,
      cell: (run) => <span className="num">{formats.count(run.attempts)}</span>,
    });
  return (
    <Panel
      title="Jobs"
      className={className}
      height={240}
      flush={rows.length > 0}
      state={stateOf(query, {
        when: rows.length === 0,
        why: "No job has run yet. Digests, clean-up and backtests are done beside the market, and listed here.",
      })}
    >
      {dead.length > 0 && (
        <ul className={classes.given} aria-label="Jobs that were given up">
          {dead.map((run) => (
            <DeadJob key={run.run_id} run={run} />
          ))}
        </ul>
      )}
      <DataTable label="Jobs" rows={rows} columns={columns} keyOf={(run) => run.run_id} height={360} />
    </Panel>
  );
}

function took(run: JobRun): number | null {
  const from = toMillis(run.started_at);
  const to = toMillis(run.finished_at);
  return from !== null && to !== null ? (to - from) / 1000 : null;
}

/** How far it is: a run that goes on tells it live in a room of its own. */
function Progress({ run }: { run: JobRun }) {
  return run.state === "running" || run.state === "queued" ? <Live run={run} /> : <State run={run} />;
}

function Live({ run }: { run: JobRun }) {
  const told = useRoomData<Partial<JobRun>>(`job:${run.run_id}`, "job");
  return <State run={{ ...run, ...told }} />;
}

function State({ run }: { run: JobRun }) {
  const tone = run.state === "dead" ? "bad" : run.state === "failed" ? "warn" : "ok";
  return (
    <span className={classes.state}>
      <i className={classes[tone]} aria-hidden />
      <span>
        {jobWords(run)}
        {run.state === "running" && (
          <progress
            className={classes.bar}
            max={1}
            value={run.progress}
            aria-label={`${run.title}: how far`}
          />
        )}
        {run.error && <small className={`${classes.error} ${classes.reason}`}> {run.error}</small>}
      </span>
    </span>
  );
}

function DeadJob({ run }: { run: DeadRun }) {
  const formats = useFormats();
  const replay = useReplayJob();
  return (
    <li>
      <span>
        <b>{run.title}</b> was given up {run.died_at && <>{formats.full(run.died_at)} </>}after {run.attempts}{" "}
        {run.attempts === 1 ? "try" : "tries"}: <span className={classes.error}>{run.error}</span>
        {replay.error && (
          <span role="alert" className={classes.error}>
            {" "}
            {replay.error.message}
          </span>
        )}
      </span>
      <Button
        variant="default"
        size="compact-sm"
        aria-label={`Run again: ${run.title}`}
        leftSection={<RotateCw size={13} aria-hidden />}
        loading={replay.isPending}
        onClick={() => replay.mutate(run.run_id)}
      >
        Run again
      </Button>
    </li>
  );
}
