/** The command box's door: the box itself is loaded when it is first opened. */
import { create } from "zustand";

export const useCommand = create<{ opened: boolean; text: string }>(() => ({ opened: false, text: "" }));

/** Opens the box, with words already typed if wanted. */
export function openCommand(text = ""): void {
  useCommand.setState({ opened: true, text });
}

export interface AlertCommand {
  symbol: string;
  direction: "above" | "below";
  level: string;
}

/** "alert infy > 1600" → what to arm; null when it is no such command. */
export function parseAlert(text: string): AlertCommand | null {
  const match = /^alert\s+([A-Za-z0-9:&_.-]+)\s*(>|<|above|below)\s*([\d,.]+)$/i.exec(text.trim());
  if (!match) return null;
  const sign = match[2]?.toLowerCase();
  return {
    symbol: (match[1] ?? "").toUpperCase(),
    direction: sign === ">" || sign === "above" ? "above" : "below",
    level: (match[3] ?? "").replaceAll(",", ""),
  };
}

/** "screen low debt" → "low debt"; null when it is no such command. */
export function parseScreen(text: string): string | null {
  return /^\s*screen\s+(.*)$/i.exec(text)?.[1]?.trim() ?? null;
}

/** True for words that compare something, which a name does not. */
export const isQuery = (words: string): boolean => /[<>=]|\b(between|crosses|and|or)\b/i.test(words);

/** Asks the page to open its "new alert" form; a page that has one prevents the default. */
export const NEW_ALERT = "marketbell:new-alert";
