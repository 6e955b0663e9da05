/** This browser as a channel: what stands in the way, or the button that subscribes. */
import { Button } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { BellRing } from "lucide-react";
import { useState } from "react";
import { channelsQuery, useAddChannel } from "@/shared/api/channels";
import { browserName, type PushState, pushState, subscribe, unsubscribe } from "./push";
import classes from "./SettingsPage.module.css";

const WORDS: Record<PushState, string> = {
  unsupported: "This browser takes no messages while its pages are closed.",
  insecure: "Messages of the browser need https, or the address http://localhost.",
  denied:
    "Messages are blocked for this page in the browser's own settings (the sign beside the address). Allow them there, then come back.",
  off: "This browser can show alerts, also while no page is open.",
  on: "This browser shows alerts, also while no page is open.",
};

export function BrowserPush() {
  const client = useQueryClient();
  const state = useQuery({ queryKey: ["push"], queryFn: pushState, staleTime: 0 });
  const known = (useQuery(channelsQuery).data ?? []).some((channel) => channel.kind === "push");
  const add = useAddChannel();
  const [fault, setFault] = useState("");
  const [isBusy, setBusy] = useState(false);
  const turnOn = async () => {
    setBusy(true);
    setFault("");
    try {
      const parts = await subscribe();
      try {
        await add.mutateAsync({
          kind: "push",
          name: browserName(navigator.userAgent),
          config: { ...parts },
          is_enabled: true,
        });
      } catch (error) {
        await unsubscribe();
        throw error;
      }
    } catch (error) {
      setFault(error instanceof Error ? error.message : "The browser could not be subscribed.");
    }
    setBusy(false);
    await client.invalidateQueries({ queryKey: ["push"] });
  };
  if (!state.data) return null;
  // Deleting the channel leaves the browser's own subscription: subscribing again renews both.
  const isOn = state.data === "on" && known;
  return (
    <div className={classes.push}>
      <BellRing size={18} aria-hidden />
      <p>
        {isOn || state.data !== "on" ? WORDS[state.data] : WORDS.off}
        {fault && (
          <span role="alert" className={classes.error}>
            {" "}
            {fault}
          </span>
        )}
      </p>
      {!isOn && (state.data === "off" || state.data === "on") && (
        <Button variant="default" size="xs" loading={isBusy} onClick={() => void turnOn()}>
          Use this browser
        </Button>
      )}
    </div>
  );
}
