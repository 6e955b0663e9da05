/** Messages that were given up: why, and another try for one, for some or for all of them. */
import { Button, Select } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { RotateCw } from "lucide-react";
import { useState } from "react";
import { channelWord } from "@/shared/alerts/words";
import { channelsQuery } from "@/shared/api/channels";
import { type DeadLetter, deadLettersQuery, useReplay } from "@/shared/api/delivery";
import { toMillis } from "@/shared/format/time";
import { useFormats } from "@/shared/format/use";
import { useNow } from "@/shared/live/hooks";
import { type Column, DataTable } from "@/shared/ui/DataTable";
import { Older } from "@/shared/ui/Older";
import { Panel, stateOf } from "@/shared/ui/Panel";
import page from "@/shared/ui/page.module.css";
import { SINCE, sinceOf } from "./delivery";
import classes from "./HealthPage.module.css";

export function DeadLettersPanel() {
  const formats = useFormats();
  const now = useNow(30_000);
  const [channel, setChannel] = useState("");
  const [span, setSpan] = useState("");
  const since = sinceOf(span, now);
  const filter = { ...(channel && { channel }), ...(since && { since }) };
  const query = useInfiniteQuery({ ...deadLettersQuery(filter), placeholderData: (old) => old });
  const channels = useQuery(channelsQuery).data ?? [];
  const replay = useReplay();
  const items = query.data?.pages.flatMap((one) => one.items) ?? [];
  const isFiltered = channel !== "" || span !== "";
  const busy = replay.isPending ? replay.variables : undefined;
  const kinds = [...new Set([...channels.map((one) => one.kind), ...items.map((one) => one.channel)])].filter(
    (kind) => kind !== "in_app",
  );
  const columns: Column<DeadLetter>[] = [
    {
      id: "died",
      title: `Given up (${formats.zoneWord})`,
      value: (row) => toMillis(row.died_at),
      cell: (row) => (
        <span className="num" title={formats.full(row.died_at)}>
          {row.died_at ? `${formats.dayShort(row.died_at)}, ${formats.clock(row.died_at)}` : "—"}
        </span>
      ),
    },
    {
      id: "title",
      title: "Message",
      text: (row) => row.title || row.rule,
      cell: (row) => (
        <span className={`${page.two} ${classes.letter}`}>
          <Link to="/alerts" search={{ story: row.firing_id, state: "dead" }} className={page.link}>
            {row.title || row.rule}
          </Link>
          <small className={classes.long}>
            {row.rule} · {row.instrument}
          </small>
        </span>
      ),
    },
    {
      id: "channel",
      title: "To",
      text: (row) => `${row.channel} ${row.address_label}`,
      cell: (row) => (
        <span className={page.two}>
          <span>{channelWord(row.channel)}</span>
          <small>{row.address_label}</small>
        </span>
      ),
    },
    {
      id: "why",
      title: "Why",
      text: (row) => row.error,
      cell: (row) => (
        <span className={`${classes.error} ${classes.reason}`}>
          {row.error || "no reason was given"}
          {row.attempts > 0 && (
            <span className="dim">
              {" "}
              · {row.attempts} {row.attempts === 1 ? "try" : "tries"}
            </span>
          )}
        </span>
      ),
    },
    {
      id: "act",
      title: "",
      about: "Send again",
      align: "right",
      cell: (row) => (
        <Button
          variant="default"
          size="compact-sm"
          aria-label={`Send again: ${row.title || row.rule}`}
          leftSection={<RotateCw size={13} aria-hidden />}
          loading={busy?.delivery_ids?.[0] === row.delivery_id}
          onClick={() => replay.mutate({ delivery_ids: [row.delivery_id] })}
        >
          Send again
        </Button>
      ),
    },
  ];
  return (
    <Panel
      title="Dead letters"
      height={200}
      flush={items.length > 0}
      tools={
        <div className={classes.filters}>
          <Select
            size="xs"
            w={150}
            aria-label="Of which channel"
            data={[
              { value: "", label: "any channel" },
              ...kinds.map((kind) => ({ value: kind, label: channelWord(kind) })),
            ]}
            value={channel}
            onChange={(value) => setChannel(value ?? "")}
          />
          <Select
            size="xs"
            w={150}
            aria-label="Of which time"
            data={SINCE.map(({ value, label }) => ({ value, label }))}
            value={span}
            onChange={(value) => setSpan(value ?? "")}
          />
          <Button
            size="xs"
            variant="default"
            leftSection={<RotateCw size={14} aria-hidden />}
            disabled={items.length === 0}
            loading={busy !== undefined && !busy.delivery_ids}
            onClick={() => replay.mutate(filter)}
          >
            {isFiltered ? "Send all of these again" : "Send all again"}
          </Button>
        </div>
      }
      state={stateOf(query, {
        when: items.length === 0,
        why: replay.data
          ? `${replayedWords(replay.data.replayed)} Nothing lies here any more.`
          : isFiltered
            ? "No message of that kind was given up."
            : "No message was given up. What cannot be delivered after all its tries lies here, and is sent again with one click.",
      })}
    >
      <DataTable
        label="Dead letters"
        rows={items}
        columns={columns}
        keyOf={(row) => row.delivery_id}
        height={420}
      />
      <Older query={query} />
      <ReplayWords replay={replay} />
    </Panel>
  );
}

function ReplayWords({ replay }: { replay: ReturnType<typeof useReplay> }) {
  if (replay.error)
    return (
      <p role="alert" className={`${classes.card} ${classes.error}`}>
        {replay.error.message}
      </p>
    );
  const count = replay.data?.replayed;
  return (
    <p role="status" className={count === undefined ? "sr-only" : classes.card}>
      {count === undefined ? "" : replayedWords(count)}
    </p>
  );
}

const replayedWords = (count: number) =>
  count === 1 ? "One message goes out again." : `${count} messages go out again.`;
