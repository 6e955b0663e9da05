/** Rows with who came and who went marked, for less than half a second. */
import { useEffect, useRef, useState } from "react";
import { type Comings, compare } from "./comings";
import type { ResultRow } from "./types";

const SHOWN_MS = 450;
const keyOf = (row: ResultRow) => row.instrument;
const NOBODY = new Map();

/** Rows of another question are not compared: nobody came, the question changed. */
export function useComings(rows: readonly ResultRow[], question: string): Comings<ResultRow> {
  const [shown, setShown] = useState<Comings<ResultRow> | null>(null);
  const before = useRef({ rows, question });
  useEffect(() => {
    const old = before.current;
    before.current = { rows, question };
    if (old.question !== question || old.rows.length === 0) return setShown(null);
    const next = compare(old.rows, rows, keyOf);
    if (next.marks.size === 0) return setShown(null);
    setShown(next);
    const timer = setTimeout(() => setShown(null), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [rows, question]);
  return shown ?? { rows: [...rows], marks: NOBODY };
}
