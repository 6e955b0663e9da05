/** What one person chose about the look. Nothing here changes what is true or saved on the server. */
import { create } from "zustand";
import { persist } from "zustand/middleware";

export const MODES = ["beginner", "intermediate", "advanced"] as const;
export type Mode = (typeof MODES)[number];
export type Theme = "system" | "dark" | "light";
export type Palette = "blue-orange" | "green-red" | "red-up";
export type Numbers = "en-IN" | "en-US";
export type Density = "comfortable" | "normal" | "compact";
export type Motion = "system" | "on" | "off";

export interface Prefs {
  mode: Mode;
  theme: Theme;
  palette: Palette;
  numbers: Numbers;
  /** "exchange", or an IANA zone such as "Asia/Kolkata" or "UTC". */
  zone: string;
  motion: Motion;
  density: Density;
  singleKeys: boolean;
  railOpen: boolean;
  recent: string[];
}

export const DEFAULTS: Prefs = {
  mode: "beginner",
  theme: "system",
  palette: "blue-orange",
  numbers: "en-IN",
  zone: "exchange",
  motion: "system",
  density: "normal",
  singleKeys: true,
  railOpen: true,
  recent: [],
};

interface Actions {
  set: (change: Partial<Prefs>) => void;
  nextMode: () => void;
  visited: (instrument: string) => void;
}

export const usePrefs = create<Prefs & Actions>()(
  persist(
    (set) => ({
      ...DEFAULTS,
      set: (change) => set(change),
      nextMode: () =>
        set((prefs) => ({ mode: MODES[(MODES.indexOf(prefs.mode) + 1) % MODES.length] ?? "beginner" })),
      visited: (instrument) =>
        set((prefs) => ({
          recent: [instrument, ...prefs.recent.filter((key) => key !== instrument)].slice(0, 8),
        })),
    }),
    { name: "marketbell.prefs", version: 1 },
  ),
);

/** True where the current mode shows what `needs` shows. */
export function shows(mode: Mode, needs: Mode): boolean {
  return MODES.indexOf(mode) >= MODES.indexOf(needs);
}

export function useShows(needs: Mode): boolean {
  return usePrefs((prefs) => shows(prefs.mode, needs));
}
