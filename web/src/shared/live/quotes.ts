/**
 * Quotes live outside React: one map, listeners per instrument, one flush per animation frame.
 *
 * A frame of 300 rows costs one pass and wakes only the cells that show a changed instrument.
 * Row objects are replaced, never mutated, so `useSyncExternalStore` sees a change by identity.
 */

export type Value = number | string | null;
export type Row = Readonly<Record<string, Value>>;

type Schedule = (flush: () => void) => void;

const EMPTY: Row = Object.freeze({});

/** One flush per frame while the tab is seen, one a second while it is hidden. */
export const byFrame: Schedule = (flush) => {
  if (typeof document !== "undefined" && document.hidden) setTimeout(flush, 1000);
  else requestAnimationFrame(flush);
};

export class QuoteStore {
  #rows = new Map<string, Row>();
  #dirty = new Set<string>();
  #listeners = new Map<string, Set<() => void>>();
  #scheduled = false;
  readonly #schedule: Schedule;

  constructor(schedule: Schedule = byFrame) {
    this.#schedule = schedule;
  }

  get(key: string): Row {
    return this.#rows.get(key) ?? EMPTY;
  }

  has(key: string): boolean {
    return this.#rows.has(key);
  }

  /** Takes rows as `[key, value…]` under `columns` (which do not name the key). */
  apply(columns: readonly string[], rows: readonly (readonly Value[])[]): void {
    for (const cells of rows) {
      const key = cells[0];
      if (typeof key !== "string") continue;
      const next: Record<string, Value> = { ...this.#rows.get(key) };
      for (let index = 0; index < columns.length; index++) {
        const name = columns[index];
        if (name !== undefined) next[name] = cells[index + 1] ?? null;
      }
      this.#rows.set(key, next);
      this.#dirty.add(key);
    }
    this.#request();
  }

  /** Merges fields of one instrument, as REST answers bring them. */
  merge(key: string, fields: Record<string, Value>): void {
    this.#rows.set(key, { ...this.#rows.get(key), ...fields });
    this.#dirty.add(key);
    this.#request();
  }

  listen(key: string, listener: () => void): () => void {
    let group = this.#listeners.get(key);
    if (!group) {
      group = new Set();
      this.#listeners.set(key, group);
    }
    group.add(listener);
    return () => {
      group.delete(listener);
      if (group.size === 0) this.#listeners.delete(key);
    };
  }

  #request(): void {
    if (this.#scheduled || this.#dirty.size === 0) return;
    this.#scheduled = true;
    this.#schedule(() => this.flush());
  }

  flush(): void {
    this.#scheduled = false;
    const dirty = this.#dirty;
    this.#dirty = new Set();
    for (const key of dirty) for (const listener of this.#listeners.get(key) ?? []) listener();
  }
}
