/** Both sides of the book, the best in the middle; bars say how much waits at a price. */
import { useQuery } from "@tanstack/react-query";
import { depthQuery } from "@/shared/api/queries";
import type { Stock } from "@/shared/api/types";
import { isKnown } from "@/shared/format/numbers";
import { useFormats } from "@/shared/format/use";
import { useRoomData } from "@/shared/live/hooks";
import { sourceWord, useMarketClock, useSource } from "@/shared/live/market";
import { Panel } from "@/shared/ui/Panel";
import classes from "./DepthPanel.module.css";

export interface Level {
  price: number | string;
  size: number;
}

interface Book {
  bids: unknown;
  asks: unknown;
  as_of?: string | number | null;
  state?: string | null;
}

/** Why a book shows no levels. */
const STATES: Record<string, string> = {
  building: "The book is being built: no snapshot covers these prices yet.",
  resyncing: "Updates are missing: the book waits for a snapshot.",
  crossed: "The book is crossed: its best bid is not below its best ask.",
  empty: "A side of the book has no orders.",
};

/** Levels as `[price, size]` (live) or `{price, size}` (REST). */
export function levelsOf(side: unknown): Level[] {
  if (!Array.isArray(side)) return [];
  return side.flatMap((entry) => {
    const [price, size] = Array.isArray(entry) ? entry : [entry?.price, entry?.size];
    return isKnown(price) ? [{ price, size: Number(size ?? 0) }] : [];
  });
}

export function DepthPanel({ stock }: { stock: Stock }) {
  const live = useRoomData<Book>(`instrument:${stock.instrument}`, "depth");
  const asked = useQuery({ ...depthQuery(stock.instrument), enabled: !live });
  const source = useSource();
  const clock = useMarketClock();
  const formats = useFormats();
  const book: Book | undefined = live ?? asked.data;
  const bids = levelsOf(book?.bids).slice(0, 5);
  const asks = levelsOf(book?.asks).slice(0, 5);
  const reason = STATES[book?.state ?? ""];
  // Where there is no book there is no panel: an index, or a feed without depth.
  if (bids.length === 0 && asks.length === 0) {
    if (!reason) return null;
    return (
      <Panel title="Order book" source={sourceWord(source)} asOf={book?.as_of} clock={clock}>
        <p className={classes.spread}>{reason}</p>
      </Panel>
    );
  }
  const most = Math.max(...bids.map((level) => level.size), ...asks.map((level) => level.size)) || 1;
  // Coins trade in fractions.
  const amount = (size: number) => (size % 1 ? formats.number(size, 4) : formats.count(size));
  const best = bids[0] && asks[0] ? Number(asks[0].price) - Number(bids[0].price) : null;
  return (
    <Panel title="Order book" source={sourceWord(source)} asOf={book?.as_of} clock={clock}>
      <table className={classes.book}>
        <caption className="sr-only">Order book of {stock.symbol}, best prices in the middle</caption>
        <thead>
          <tr>
            <th scope="col">Size</th>
            <th scope="col">Bid</th>
            <th scope="col">Ask</th>
            <th scope="col">Size</th>
          </tr>
        </thead>
        <tbody>
          {Array.from({ length: Math.max(bids.length, asks.length) }, (_, index) => {
            const bid = bids[index];
            const ask = asks[index];
            return (
              <tr key={index}>
                <td className="num">{bid && amount(bid.size)}</td>
                <td className={classes.bid}>
                  {bid && <i style={{ width: `${(bid.size / most) * 100}%` }} />}
                  <span className="num">{bid && formats.price(bid.price, stock.tick_size)}</span>
                </td>
                <td className={classes.ask}>
                  {ask && <i style={{ width: `${(ask.size / most) * 100}%` }} />}
                  <span className="num">{ask && formats.price(ask.price, stock.tick_size)}</span>
                </td>
                <td className="num">{ask && amount(ask.size)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
      {best !== null && <p className={classes.spread}>Spread {formats.price(best, stock.tick_size)}</p>}
    </Panel>
  );
}
