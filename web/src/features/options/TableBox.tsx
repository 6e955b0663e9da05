import type { ReactNode } from "react";
import classes from "./options.module.css";

/** A table that may be larger than its place: it can be scrolled by keys too. */
export function TableBox({ label, children }: { label: string; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must take the focus
    <section className={classes.tableBox} aria-label={label} tabIndex={0}>
      {children}
    </section>
  );
}
