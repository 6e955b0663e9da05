/** What is muted by hand, until when; each can be ended at once. */
import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { BellOff } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { useMoment } from "@/shared/alerts/DeliveryWord";
import { type Silence, silencesQuery, useEndSilence } from "@/shared/api/delivery";
import { storedRulesQuery } from "@/shared/api/rules";
import { Panel, stateOf } from "@/shared/ui/Panel";
import page from "@/shared/ui/page.module.css";
import classes from "./SettingsPage.module.css";

const SilenceDialog = lazy(() => import("@/shared/alerts/SilenceDialog"));

export function SilencesPanel() {
  const query = useQuery(silencesQuery);
  const [isAsking, setAsking] = useState(false);
  const items = query.data ?? [];
  return (
    <Panel
      title="Silences"
      source="kept on the server"
      height={100}
      tools={
        <Button
          size="xs"
          variant="default"
          leftSection={<BellOff size={15} aria-hidden />}
          onClick={() => setAsking(true)}
        >
          Add a silence
        </Button>
      }
      state={query.data ? { kind: "ready" } : stateOf(query)}
    >
      {items.length === 0 ? (
        <p className="dim">
          Nothing is silenced. An alert's or a rule's menu silences it for a while; the inbox shows what fires
          all the same.
        </p>
      ) : (
        <ul className={classes.channels} aria-label="Silences">
          {items.map((silence) => (
            <SilenceRow key={silence.silence_id} silence={silence} />
          ))}
        </ul>
      )}
      <Suspense fallback={null}>
        {isAsking && <SilenceDialog about={{}} onClose={() => setAsking(false)} />}
      </Suspense>
    </Panel>
  );
}

function SilenceRow({ silence }: { silence: Silence }) {
  const rules = useQuery(storedRulesQuery).data ?? [];
  const end = useEndSilence();
  const moment = useMoment();
  const rule = rules.find((one) => one.rule_uid === silence.rule_uid)?.name ?? silence.rule_uid;
  const symbol = silence.instrument?.split(":")[1] ?? silence.instrument;
  const what =
    [rule && `“${rule}”`, symbol && `about ${symbol}`, silence.severity && `of severity ${silence.severity}`]
      .filter(Boolean)
      .join(" ") || "Every alert";
  return (
    <li>
      <span className={page.two}>
        <b className={classes.long}>{what.charAt(0).toUpperCase() + what.slice(1)}</b>
        <small className={classes.long}>
          until {moment(silence.until)}
          {silence.reason && ` · ${silence.reason}`}
        </small>
      </span>
      <Button
        variant="default"
        size="xs"
        aria-label={`End the silence: ${what}`}
        loading={end.isPending}
        onClick={() => end.mutate(silence.silence_id)}
      >
        End
      </Button>
      {end.error && (
        <p role="alert" className={`${classes.said} ${classes.error}`}>
          {end.error.message}
        </p>
      )}
    </li>
  );
}
