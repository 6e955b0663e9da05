/** Says fired alerts and connection changes, politely, at most one in five seconds; never prices. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { alertsQuery } from "@/shared/api/queries";
import { useLink } from "@/shared/live/socket";

const GAP_MS = 5000;

export function LiveRegion() {
  const [words, setWords] = useState("");
  const last = useRef(0);
  const link = useLink((state) => state.link);
  const before = useRef(link);
  const unread = useQuery(alertsQuery).data?.unread;
  const seen = useRef(unread);

  useEffect(() => {
    const say = (text: string) => {
      const wait = Math.max(0, last.current + GAP_MS - Date.now());
      return setTimeout(() => {
        last.current = Date.now();
        setWords(text);
      }, wait);
    };
    let timer: ReturnType<typeof setTimeout> | undefined;
    if (before.current !== link && link === "lost")
      timer = say("Connection to the server lost. Trying again.");
    else if (before.current === "lost" && link === "connected") timer = say("Connected again.");
    else if (seen.current !== undefined && unread !== undefined && unread > seen.current)
      timer = say(`${unread - seen.current} new ${unread - seen.current === 1 ? "alert" : "alerts"} fired.`);
    before.current = link;
    if (unread !== undefined) seen.current = unread;
    return () => clearTimeout(timer);
  }, [link, unread]);

  return (
    <div className="sr-only" role="status" aria-live="polite">
      {words}
    </div>
  );
}
