/**
 * Alert lines of a chart, drawn by a primitive of our own: dashed where armed, grey where fired, solid while held.
 *
 * It draws and says which line lies under a pointer; who drags, and what a drop does, is decided outside.
 */
import type {
  IPrimitivePaneRenderer,
  IPrimitivePaneView,
  ISeriesPrimitive,
  ISeriesPrimitiveAxisView,
  PrimitiveHoveredItem,
  SeriesAttachedParameter,
  Time,
} from "lightweight-charts";
import type { Look } from "@/shared/chart/look";

export interface Level {
  uid: string;
  price: number;
  direction: "above" | "below";
  state: "armed" | "fired";
}

/** A line on its way: not saved yet. */
export interface Held {
  uid: string;
  price: number;
  /** How far it is from the price now, in words. */
  words: string;
}

type Target = Parameters<IPrimitivePaneRenderer["draw"]>[0];

interface Drawn {
  y: number;
  tag: string;
  color: string;
  dash: readonly number[];
  width: number;
}

/** Half the height in px within which a pointer takes a line: a mouse, and a finger. */
export const REACH = { mouse: 6, touch: 22 } as const;

export class AlertLines implements ISeriesPrimitive<Time> {
  #levels: readonly Level[] = [];
  #held: Held | null = null;
  #look: Look;
  readonly #priceWords: (price: number) => string;
  #attached: SeriesAttachedParameter<Time> | null = null;
  #drawn: Drawn[] = [];
  #axis: ISeriesPrimitiveAxisView[] = [];
  readonly #views: readonly IPrimitivePaneView[] = [
    // Under the bars, which it must not cover; above them while it is held.
    {
      zOrder: () => (this.#held ? "top" : "bottom"),
      renderer: () => ({ draw: (target) => this.#draw(target) }),
    },
  ];

  constructor(look: Look, priceWords: (price: number) => string) {
    this.#look = look;
    this.#priceWords = priceWords;
  }

  attached(parameter: SeriesAttachedParameter<Time>): void {
    this.#attached = parameter;
    this.updateAllViews();
  }

  detached(): void {
    this.#attached = null;
  }

  show(levels: readonly Level[], held: Held | null): void {
    this.#levels = levels;
    this.#held = held;
    this.updateAllViews();
    this.#attached?.requestUpdate();
  }

  /** The armed line nearest to that height, within reach; null where there is none. */
  under(y: number, reach: number): Level | null {
    let best: Level | null = null;
    let nearest = reach;
    for (const level of this.#levels) {
      if (level.state !== "armed") continue;
      const place = this.#attached?.series.priceToCoordinate(this.#priceOf(level)) ?? null;
      const far = place === null ? Number.POSITIVE_INFINITY : Math.abs(place - y);
      if (far <= nearest) {
        best = level;
        nearest = far;
      }
    }
    return best;
  }

  hitTest(_x: number, y: number): PrimitiveHoveredItem | null {
    const level = this.under(y, REACH.mouse);
    return level ? { cursorStyle: "ns-resize", externalId: level.uid, zOrder: "normal" } : null;
  }

  paneViews(): readonly IPrimitivePaneView[] {
    return this.#views;
  }

  priceAxisViews(): readonly ISeriesPrimitiveAxisView[] {
    return this.#axis;
  }

  updateAllViews(): void {
    const series = this.#attached?.series;
    if (!series) return;
    const look = this.#look;
    const drawn: Drawn[] = [];
    const axis: ISeriesPrimitiveAxisView[] = [];
    for (const level of this.#levels) {
      const isHeld = this.#held?.uid === level.uid;
      const price = this.#priceOf(level);
      const y = series.priceToCoordinate(price);
      if (y === null) continue;
      const isArmed = level.state === "armed";
      const color = isArmed ? look.accent : look.cross;
      const arrow = level.direction === "above" ? "▲" : "▼";
      drawn.push({
        y,
        tag: isHeld ? `${arrow} ${this.#held?.words ?? ""}` : `${arrow} ${isArmed ? "alert" : "fired"}`,
        color,
        dash: isHeld ? [] : isArmed ? [6, 4] : [1, 4],
        width: isHeld ? 2 : 1,
      });
      const words = this.#priceWords(price);
      axis.push({
        coordinate: () => y,
        text: () => words,
        textColor: () => look.panel,
        backColor: () => color,
      });
    }
    this.#drawn = drawn;
    this.#axis = axis;
  }

  #priceOf(level: Level): number {
    return this.#held?.uid === level.uid ? this.#held.price : level.price;
  }

  #draw(target: Target): void {
    const look = this.#look;
    // biome-ignore lint/correctness/useHookAtTopLevel: a method of the canvas, not a hook
    target.useMediaCoordinateSpace(({ context, mediaSize }) => {
      context.save();
      context.font = `11px ${look.font}`;
      context.textBaseline = "middle";
      context.textAlign = "left";
      for (const line of this.#drawn) {
        const y = Math.round(line.y) + (line.width % 2 ? 0.5 : 0);
        context.strokeStyle = line.color;
        context.lineWidth = line.width;
        context.setLineDash([...line.dash]);
        context.beginPath();
        context.moveTo(0, y);
        context.lineTo(mediaSize.width, y);
        context.stroke();
        // The word stands at the left, on paper: the newest bars are on the right.
        const wide = context.measureText(line.tag).width + 10;
        context.fillStyle = look.panel;
        context.fillRect(8, y - 9, wide, 18);
        context.fillStyle = line.color;
        context.fillText(line.tag, 13, y);
      }
      context.restore();
    });
  }
}
