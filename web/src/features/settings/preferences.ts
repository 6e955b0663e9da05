/** Quiet hours and digests as a form, and in one sentence. Pure. */
import type { Preferences } from "@/shared/api/delivery";

export const NIGHT = { quiet_from: "22:00", quiet_to: "07:00" };

/** What is wrong, by field; {} when nothing is. */
export function faultsOf(draft: Preferences): Partial<Record<keyof Preferences, string>> {
  const found: Partial<Record<keyof Preferences, string>> = {};
  const clock = /^([01]\d|2[0-3]):[0-5]\d$/;
  if (draft.quiet_from || draft.quiet_to) {
    if (!clock.test(draft.quiet_from)) found.quiet_from = "A time of day, like 22:00.";
    if (!clock.test(draft.quiet_to)) found.quiet_to = "A time of day, like 07:00.";
    else if (draft.quiet_from === draft.quiet_to)
      found.quiet_to = "They end when they begin: switch them off.";
  }
  if (!clock.test(draft.digest_at)) found.digest_at = "A time of day, like 08:00.";
  return found;
}

/** "Messages wait from 22:00 to 07:00 the next day, those of high severity come through." */
export function quietWords(draft: Preferences): string {
  if (!draft.quiet_from || !draft.quiet_to) return "Messages come at any hour.";
  const night = draft.quiet_to <= draft.quiet_from ? " of the next day" : "";
  const high = draft.quiet_except_high
    ? "; those of high severity come through"
    : ", those of high severity too";
  return `Messages wait from ${draft.quiet_from} to ${draft.quiet_to}${night}${high}. Those of low severity are not told later either.`;
}

export const WINDOWS: readonly { value: string; label: string }[] = [
  { value: "0", label: "never: each alert by itself" },
  { value: "60", label: "1 minute" },
  { value: "300", label: "5 minutes" },
  { value: "900", label: "15 minutes" },
  { value: "3600", label: "1 hour" },
];

export const REPEATS: readonly { value: string; label: string }[] = [
  { value: "0", label: "every time" },
  { value: "300", label: "not again within 5 minutes" },
  { value: "3600", label: "not again within 1 hour" },
  { value: "86400", label: "once a day" },
];

/** The choices, with the stored value among them also where nobody offers it. */
export function withStored(
  choices: readonly { value: string; label: string }[],
  stored: number,
): { value: string; label: string }[] {
  return choices.some((one) => one.value === String(stored))
    ? [...choices]
    : [...choices, { value: String(stored), label: `${stored} seconds` }];
}

/** Zones to choose from: the reader's own first, then every one that the browser knows. */
export function zonesOf(own: string, stored: string): string[] {
  const all = typeof Intl.supportedValuesOf === "function" ? Intl.supportedValuesOf("timeZone") : [];
  return [...new Set([own, stored, "Asia/Kolkata", "UTC", ...all].filter(Boolean))];
}
