/** Does the news get out? The queue by state, its age, how fast messages arrive, channel by channel. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { SignMark } from "@/shared/alerts/DeliveryWord";
import { channelWord, STATE_WORDS, signOf } from "@/shared/alerts/words";
import { type ChannelDelivery, deliveryQuery } from "@/shared/api/delivery";
import { duration } from "@/shared/format/time";
import { useFormats } from "@/shared/format/use";
import { useShows } from "@/shared/prefs/prefs";
import { type Column, DataTable } from "@/shared/ui/DataTable";
import { Panel, stateOf } from "@/shared/ui/Panel";
import page from "@/shared/ui/page.module.css";
import { latency, queueWords, statesOf, tally } from "./delivery";
import classes from "./HealthPage.module.css";

export function DeliveryPanel({ className }: { className: string | undefined }) {
  const query = useQuery(deliveryQuery);
  const formats = useFormats();
  const intermediate = useShows("intermediate");
  const advanced = useShows("advanced");
  const figures = query.data;
  const said = figures && queueWords(figures);
  const rows = (figures?.by_channel ?? []).filter((row) => row.channel !== "in_app");
  const columns: Column<ChannelDelivery>[] = [
    {
      id: "channel",
      title: "Channel",
      text: (row) => row.channel,
      cell: (row) => <b className={classes.kind}>{channelWord(row.channel)}</b>,
    },
    {
      id: "sent",
      title: "Sent",
      align: "right",
      value: (row) => tally(row).sent,
      cell: (row) => <span className="num">{formats.count(tally(row).sent)}</span>,
    },
    {
      id: "open",
      title: "On the way",
      about: "Queued, held, being sent or tried again",
      align: "right",
      value: (row) => tally(row).open,
      cell: (row) => <span className="num">{formats.count(tally(row).open)}</span>,
    },
    {
      id: "dead",
      title: "Not delivered",
      align: "right",
      value: (row) => tally(row).dead,
      cell: (row) => (
        <span className={`num ${tally(row).dead ? classes.error : ""}`}>
          {formats.count(tally(row).dead)}
        </span>
      ),
    },
  ];
  if (intermediate)
    columns.push({
      id: "p50",
      title: "Usually within",
      about: "Half of the last day's messages were accepted within this time of the alert's record",
      align: "right",
      value: (row) => row.latency_ms.p50,
      cell: (row) => <span className="num">{latency(row.latency_ms.p50)}</span>,
    });
  if (advanced)
    columns.push({
      id: "p99",
      title: "99 of 100",
      about: "99 of 100 of the last day's messages were accepted within this time",
      align: "right",
      value: (row) => row.latency_ms.p99,
      cell: (row) => <span className="num">{latency(row.latency_ms.p99)}</span>,
    });
  return (
    <Panel
      title="Delivery"
      className={className}
      source={figures?.oldest_unsent_s != null ? `oldest unsent ${duration(figures.oldest_unsent_s)}` : null}
      height={220}
      flush
      state={stateOf(query)}
    >
      {said && (
        <p className={classes.problem} role="status">
          <i className={classes[said.tone]} aria-hidden /> {said.words}
        </p>
      )}
      {figures && intermediate && (
        <ul className={classes.states} aria-label="Messages by state">
          {statesOf(figures.states).map(([state, count]) => (
            <li key={state}>
              <Link
                to="/alerts"
                search={{ state: state as "dead" }}
                className={page.link}
                title="The alerts in the inbox"
              >
                <SignMark {...signOf(state)} /> <b className="num">{formats.count(count)}</b>{" "}
                {STATE_WORDS[state] ?? state}
              </Link>
            </li>
          ))}
        </ul>
      )}
      {rows.length > 0 ? (
        <DataTable label="Delivery by channel" rows={rows} columns={columns} keyOf={(row) => row.channel} />
      ) : (
        figures && (
          <p className={classes.card}>
            No message has left this app: every alert stands in the inbox.{" "}
            <Link to="/settings">Add a channel</Link>, and it goes further.
          </p>
        )
      )}
    </Panel>
  );
}
