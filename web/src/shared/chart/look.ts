/** What a canvas must know of the page's look: colours now, the scheme as it changes, words on the time axis. */
import { useEffect, useState } from "react";
import * as time from "@/shared/format/time";

export interface Look {
  text: string;
  text1: string;
  panel: string;
  line: string;
  grid: string;
  cross: string;
  label: string;
  up: string;
  down: string;
  upSoft: string;
  downSoft: string;
  accent: string;
  font: string;
}

/** The canvas knows no CSS variables: read what they are now. */
export function readLook(node: HTMLElement): Look {
  const style = getComputedStyle(node);
  const get = (name: string) => style.getPropertyValue(name).trim();
  return {
    text: get("--mb-text-2"),
    text1: get("--mb-text-1"),
    panel: get("--mb-panel"),
    line: get("--mb-line"),
    grid: `${get("--mb-line")}80`,
    cross: get("--mb-line-strong"),
    label: get("--mb-text-3"),
    up: get("--mb-up"),
    down: get("--mb-down"),
    upSoft: `${get("--mb-up")}55`,
    downSoft: `${get("--mb-down")}55`,
    accent: get("--mb-accent"),
    font: style.fontFamily,
  };
}

/** The scheme the page has now; "system" can change while it is open. */
export function useScheme(): string {
  const [scheme, setScheme] = useState(() => document.documentElement.dataset.mantineColorScheme ?? "dark");
  useEffect(() => {
    const observer = new MutationObserver(() =>
      setScheme(document.documentElement.dataset.mantineColorScheme ?? "dark"),
    );
    observer.observe(document.documentElement, {
      attributeFilter: ["data-mantine-color-scheme", "data-palette"],
    });
    return () => observer.disconnect();
  }, []);
  return scheme;
}

/** lightweight-charts' kinds of ticks: 0 year, 1 month, 2 day, 3 time, 4 time with seconds. */
export function axisWord(seconds: number, type: number, zone: string): string {
  const millis = seconds * 1000;
  if (type === 0) return String(new Date(millis).getUTCFullYear());
  if (type === 1) return time.monthYear(millis, zone).slice(0, 3);
  if (type === 2) return time.dayShort(millis, zone);
  return time.clock(millis, zone, false);
}
