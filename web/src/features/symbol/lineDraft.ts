/** The alert line that is on its way to another level: one for chart and list. Not saved until it is dropped. */
import { create } from "zustand";

interface LineDraft {
  /** The rule that is moved; null where none is. */
  uid: string | null;
  price: number;
  /** The list shows which one is chosen, the chart which one is held. */
  isDragged: boolean;
}

export const useLineDraft = create<LineDraft>(() => ({ uid: null, price: 0, isDragged: false }));

export function hold(uid: string, price: number, isDragged: boolean): void {
  useLineDraft.setState({ uid, price, isDragged });
}

export function release(): void {
  useLineDraft.setState({ uid: null, isDragged: false });
}
