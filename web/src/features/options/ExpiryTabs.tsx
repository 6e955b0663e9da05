/** Expiries as tabs: arrows move, Home and End go to the ends. */
import { type KeyboardEvent, useEffect, useRef } from "react";
import { useFormats } from "@/shared/format/use";
import { useShows } from "@/shared/prefs/prefs";
import classes from "./options.module.css";
import type { Expiry } from "./types";
import type { Options } from "./useOptions";

export const PANEL_ID = "chain-of-expiry";

export function ExpiryTabs({ options }: { options: Options }) {
  const { expiries, expiry, go } = options;
  const box = useRef<HTMLDivElement>(null);
  const onKey = (event: KeyboardEvent) => {
    const at = expiries.findIndex((one) => one.expiry === expiry);
    const to: Record<string, number> = {
      ArrowRight: (at + 1) % expiries.length,
      ArrowLeft: (at - 1 + expiries.length) % expiries.length,
      Home: 0,
      End: expiries.length - 1,
    };
    const next = expiries[to[event.key] ?? -1];
    if (!next) return;
    event.preventDefault();
    go({ expiry: next.expiry });
    box.current?.querySelector<HTMLElement>(`[data-expiry="${next.expiry}"]`)?.focus();
  };
  // The chosen one is in sight, without moving the page.
  useEffect(() => {
    const list = box.current;
    const tab = list?.querySelector<HTMLElement>(`[data-expiry="${expiry}"]`);
    if (
      list &&
      tab &&
      (tab.offsetLeft < list.scrollLeft ||
        tab.offsetLeft + tab.offsetWidth > list.scrollLeft + list.clientWidth)
    )
      list.scrollLeft = tab.offsetLeft - list.clientWidth / 2;
  }, [expiry]);
  return (
    <div ref={box} role="tablist" aria-label="Expiry" className={classes.tabs} onKeyDown={onKey}>
      {expiries.map((one) => (
        <button
          key={one.expiry}
          type="button"
          role="tab"
          data-expiry={one.expiry}
          aria-selected={one.expiry === expiry}
          aria-controls={PANEL_ID}
          tabIndex={one.expiry === expiry ? 0 : -1}
          className={classes.tab}
          onClick={() => go({ expiry: one.expiry })}
        >
          <ExpiryWords one={one} />
        </button>
      ))}
    </div>
  );
}

function ExpiryWords({ one }: { one: Expiry }) {
  const formats = useFormats();
  const intermediate = useShows("intermediate");
  const noon = `${one.expiry}T06:30:00Z`;
  const left = one.days === null ? null : Math.max(0, Math.floor(one.days));
  const days = left === null ? "" : left === 0 ? "today" : left === 1 ? "1 day" : `${left} days`;
  return (
    <>
      <b>{formats.dayShort(noon)}</b>
      <small>{[days, intermediate && one.is_monthly ? "monthly" : ""].filter(Boolean).join(" · ")}</small>
    </>
  );
}
