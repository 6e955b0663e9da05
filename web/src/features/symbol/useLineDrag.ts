/** Drags an alert line with mouse, pen or finger: shown while dragged, Escape gives it up, a drop tells. */
import type { IChartApi, ISeriesApi, SeriesType } from "lightweight-charts";
import { type RefObject, useEffect, useRef } from "react";
import { onStep } from "@/shared/chart/candles";
import { type AlertLines, type Level, REACH } from "./alertLines";
import { hold, release, useLineDraft } from "./lineDraft";

interface Parts {
  wrapper: RefObject<HTMLDivElement | null>;
  chart: RefObject<IChartApi | null>;
  price: RefObject<ISeriesApi<SeriesType> | null>;
  alerts: RefObject<AlertLines | null>;
  tick: string | number | null;
  onMove: (uid: string, price: number) => void;
}

export function useLineDrag({ wrapper, chart, price, alerts, tick, onMove }: Parts): void {
  const drop = useRef(onMove);
  drop.current = onMove;
  useEffect(() => {
    const node = wrapper.current;
    if (!node) return;
    let dragged: Level | null = null;

    const heightOf = (event: PointerEvent) => event.clientY - node.getBoundingClientRect().top;
    const begin = (event: PointerEvent) => {
      const api = chart.current;
      if (!api || event.button !== 0 || dragged) return;
      const y = heightOf(event);
      const x = event.clientX - node.getBoundingClientRect().left;
      const pane = api.panes()[0];
      // Only the price's own pane, and not its axis: that one is dragged to stretch the scale.
      if (!pane || y > pane.getHeight() || x > api.timeScale().width()) return;
      const level = alerts.current?.under(y, event.pointerType === "mouse" ? REACH.mouse : REACH.touch);
      if (!level) return;
      dragged = level;
      node.setPointerCapture(event.pointerId);
      hold(level.uid, level.price, true);
      window.addEventListener("keydown", onEscape, true);
    };
    // The chart scrolls by these two; a held line keeps them to itself.
    const keep = (event: Event) => {
      if (!dragged) return;
      event.stopPropagation();
      if (event.cancelable) event.preventDefault();
    };
    const follow = (event: PointerEvent) => {
      const value = dragged && price.current?.coordinateToPrice(heightOf(event));
      if (!dragged || typeof value !== "number") return;
      const next = Number(onStep(value, tick));
      if (next > 0) hold(dragged.uid, next, true);
    };
    const end = () => {
      dragged = null;
      window.removeEventListener("keydown", onEscape, true);
    };
    const done = () => {
      if (!dragged) return;
      const { price: at } = useLineDraft.getState();
      const { uid, price: from } = dragged;
      end();
      if (at === from) release();
      else {
        // It stays where it was dropped until the server has it.
        hold(uid, at, false);
        drop.current(uid, at);
      }
    };
    const giveUp = () => {
      if (!dragged) return;
      end();
      release();
    };
    const onEscape = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      giveUp();
    };

    node.addEventListener("pointerdown", begin, true);
    node.addEventListener("mousedown", keep, true);
    node.addEventListener("touchstart", keep, { capture: true, passive: false });
    node.addEventListener("pointermove", follow);
    node.addEventListener("pointerup", done);
    node.addEventListener("pointercancel", giveUp);
    return () => {
      giveUp();
      node.removeEventListener("pointerdown", begin, true);
      node.removeEventListener("mousedown", keep, true);
      node.removeEventListener("touchstart", keep, true);
      node.removeEventListener("pointermove", follow);
      node.removeEventListener("pointerup", done);
      node.removeEventListener("pointercancel", giveUp);
    };
  }, [wrapper, chart, price, alerts, tick]);
}
