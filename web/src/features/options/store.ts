/** What one person chose about option pages, and baskets kept by name: in this browser, as the other choices are. */
import { create } from "zustand";
import { persist } from "zustand/middleware";

export const REACHES = ["10", "20", "all"] as const;
export type Reach = (typeof REACHES)[number];

export interface Basket {
  name: string;
  underlying: string;
  /** As an address writes them. */
  legs: string;
}

interface Kept {
  /** Strikes to either side of the money. */
  reach: Reach;
  /** Columns by id; null stands for the mode's own. */
  columns: string[] | null;
  baskets: Basket[];
}

interface Actions {
  set: (change: Partial<Kept>) => void;
  keep: (basket: Basket) => void;
  drop: (basket: Basket) => void;
}

const MOST_BASKETS = 30;

const isSame = (a: Basket, b: Basket) => a.name === b.name && a.underlying === b.underlying;

export const useKept = create<Kept & Actions>()(
  persist(
    (set) => ({
      reach: "10",
      columns: null,
      baskets: [],
      set: (change) => set(change),
      keep: (basket) =>
        set((old) => ({
          baskets: [basket, ...old.baskets.filter((one) => !isSame(one, basket))].slice(0, MOST_BASKETS),
        })),
      drop: (basket) => set((old) => ({ baskets: old.baskets.filter((one) => !isSame(one, basket)) })),
    }),
    { name: "marketbell.options", version: 1 },
  ),
);
