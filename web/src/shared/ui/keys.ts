/** Single keys: they rest while one types, in dialogs, and altogether by a setting (WCAG 2.1.4). */
import { useEffect, useRef } from "react";
import { usePrefs } from "@/shared/prefs/prefs";

function typing(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName))
  );
}

/** True where a key may act by itself. */
export function isFree(event: KeyboardEvent): boolean {
  return (
    !(event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) &&
    usePrefs.getState().singleKeys &&
    !document.querySelector('[role="dialog"][data-modal-content], [aria-modal="true"]')
  );
}

/** Keys of one page, for as long as it is shown. */
export function usePageKeys(keys: Readonly<Record<string, () => void>>): void {
  const now = useRef(keys);
  useEffect(() => {
    now.current = keys;
  });
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const act = now.current[event.key];
      if (!act || !isFree(event)) return;
      event.preventDefault();
      act();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
}
