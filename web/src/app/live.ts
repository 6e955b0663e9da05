/** Joins the live connection with the rest of the page: refetches after a gap, notices of fired alerts. */
import { notifications } from "@mantine/notifications";
import { fetchSession, queryClient } from "@/shared/api/queries";
import { rooms } from "@/shared/live/hooks";
import { openSocket, useLink } from "@/shared/live/socket";

export function startLive(): () => void {
  const close = openSocket(rooms, fetchSession, onAlert);
  // After an outage the REST answers are as old as the outage: ask again once.
  const silence = useLink.subscribe((now, before) => {
    if (now.link === "connected" && before.link !== "connected") void queryClient.invalidateQueries();
  });
  return () => {
    silence();
    close();
  };
}

/** What the room says of a fired alert; the inbox brings the rest. */
interface Fired {
  instrument?: string;
  rule?: string;
  values?: Record<string, unknown>;
  data?: Fired;
}

function onAlert(message: unknown): void {
  void queryClient.invalidateQueries({ queryKey: ["alerts"] });
  void queryClient.invalidateQueries({ queryKey: ["rules"] });
  const outer = message as Fired;
  const fired = outer.data ?? outer;
  const value = fired.values?.value ?? fired.values?.close;
  const said = fired.values?.sentence ?? (value == null ? "An alert fired." : `The price is ${value}.`);
  notifications.show({
    title: [fired.instrument?.split(":")[1], fired.rule ?? "Alert"].filter(Boolean).join(" · "),
    message: String(said),
    color: "ink",
    autoClose: 8000,
    closeButtonProps: { "aria-label": "Close the notice" },
  });
}
