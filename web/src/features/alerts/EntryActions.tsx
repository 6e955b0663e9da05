/** What can be done with one alert: seen, put off, watched again, silenced, looked into. */
import { ActionIcon, Button, Menu } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { BellOff, Check, EllipsisVertical, History, RotateCcw } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import { useAck, useRearm, useSnooze } from "@/shared/api/delivery";
import type { Alert } from "@/shared/api/ruleTypes";
import { useShows } from "@/shared/prefs/prefs";
import classes from "./AlertsPage.module.css";
import { isHouse } from "./inbox";
import { SnoozeMenu } from "./SnoozeMenu";

const SilenceDialog = lazy(() => import("@/shared/alerts/SilenceDialog"));

export function EntryActions({ alert, onStory }: { alert: Alert; onStory: () => void }) {
  const intermediate = useShows("intermediate");
  const ack = useAck();
  const snooze = useSnooze();
  const rearm = useRearm();
  const [isSilencing, setSilencing] = useState(false);
  const about = `${alert.symbol}, ${alert.rule}`;
  const failed = (error: Error) =>
    notifications.show({
      title: about,
      message: error.message,
      color: "red",
      closeButtonProps: { "aria-label": "Close the notice" },
    });
  const isMuted = alert.ack !== null && Date.parse(alert.ack.until) > Date.now();
  const again = () =>
    rearm.mutate(alert.firing_id, {
      onError: failed,
      onSuccess: () =>
        notifications.show({
          title: about,
          message: "It watches again, from the beginning.",
          color: "ink",
          closeButtonProps: { "aria-label": "Close the notice" },
        }),
    });
  return (
    <span className={classes.does}>
      {!isMuted && (
        <Button
          variant="subtle"
          size="compact-xs"
          aria-label={`${intermediate ? "Acknowledge" : "Got it"}: ${about}`}
          title="No more messages of this rule about it today; it stays in the inbox"
          leftSection={<Check size={14} aria-hidden />}
          loading={ack.isPending}
          onClick={() => ack.mutate([alert.firing_id], { onError: failed })}
        >
          {intermediate ? "Acknowledge" : "Got it"}
        </Button>
      )}
      <SnoozeMenu
        label={intermediate ? "Snooze" : "Remind me later"}
        about={about}
        isBusy={snooze.isPending}
        onSnooze={(long) => snooze.mutate({ ids: [alert.firing_id], long }, { onError: failed })}
      />
      {!isHouse(alert) && (
        <Button
          variant="subtle"
          size="compact-xs"
          aria-label={`${intermediate ? "Re-arm" : "Watch again"}: ${about}`}
          title="The rule begins anew: it may fire again, and nothing is put off any more"
          leftSection={<RotateCcw size={14} aria-hidden />}
          loading={rearm.isPending}
          onClick={again}
        >
          {intermediate ? "Re-arm" : "Watch again"}
        </Button>
      )}
      <Menu position="bottom-end" withinPortal>
        <Menu.Target>
          <ActionIcon aria-label={`More for ${about}`} size={24}>
            <EllipsisVertical size={15} aria-hidden />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<History size={14} aria-hidden />} onClick={onStory}>
            What happened to this alert
          </Menu.Item>
          <Menu.Item leftSection={<BellOff size={14} aria-hidden />} onClick={() => setSilencing(true)}>
            Silence…
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <Suspense fallback={null}>
        {isSilencing && (
          <SilenceDialog
            about={{
              rule_uid: alert.rule_uid,
              rule: alert.rule,
              ...(!isHouse(alert) && { instrument: alert.instrument, symbol: alert.symbol }),
            }}
            onClose={() => setSilencing(false)}
          />
        )}
      </Suspense>
    </span>
  );
}
