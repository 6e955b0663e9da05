/** The keys that work on every page. */
import { useNavigate } from "@tanstack/react-router";
import { useEffect } from "react";
import { usePrefs } from "@/shared/prefs/prefs";
import { NEW_ALERT, openCommand } from "@/shared/ui/command";
import { isFree } from "@/shared/ui/keys";

const GO: Record<string, string> = {
  o: "/",
  w: "/watchlists",
  s: "/screener",
  p: "/options",
  a: "/alerts",
  h: "/health",
};

export function useHotkeys(onHelp: () => void): void {
  const navigate = useNavigate();
  useEffect(() => {
    let waiting: ReturnType<typeof setTimeout> | null = null;
    const onKey = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
        event.preventDefault();
        openCommand();
        return;
      }
      if (!isFree(event)) return;
      const key = event.key;
      if (waiting !== null) {
        clearTimeout(waiting);
        waiting = null;
        const to = GO[key.toLowerCase()];
        if (to) {
          event.preventDefault();
          void navigate({ to });
          return;
        }
      }
      if (key === "g")
        waiting = setTimeout(() => {
          waiting = null;
        }, 1200);
      else if (key === "/") {
        event.preventDefault();
        openCommand();
      } else if (key === "?") onHelp();
      else if (key === "m") usePrefs.getState().nextMode();
      else if (key === "a") {
        event.preventDefault();
        // The symbol page takes it for its company; elsewhere the alert's own page asks for which one.
        if (window.dispatchEvent(new CustomEvent(NEW_ALERT, { cancelable: true })))
          void navigate({ to: "/rules/new", search: {} });
      } else if (key === "j" || key === "k") {
        const row = document.querySelector<HTMLElement>('table[data-rows] tr[tabindex="0"]');
        if (row && document.activeElement?.tagName !== "TR") {
          event.preventDefault();
          row.focus();
        }
      }
    };
    window.addEventListener("keydown", onKey);
    return () => {
      window.removeEventListener("keydown", onKey);
      if (waiting !== null) clearTimeout(waiting);
    };
  }, [navigate, onHelp]);
}
