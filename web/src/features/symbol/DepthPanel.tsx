/** Both sides of the book, the best in the middle; bars say how much waits at a price. */
import { useQuery } from "@tanstack/react-query";
import { depthQuery } from "@/shared/api/queries";
import type { Stock } from "@/shared/api/types";
import { decimalsOf, isKnown } from "@/shared/format/numbers";
import { useFormats } from "@/shared/format/use";
import { useQuote, useRoomData } from "@/shared/live/hooks";
import { sourceWord, useMarketClock, useSource } from "@/shared/live/market";
import { useShows } from "@/shared/prefs/prefs";
import { Panel } from "@/shared/ui/Panel";
import { Missing } from "@/shared/ui/values";
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

/** Why a book cannot be read, or not wholly. */
const STATES: Record<string, string> = {
  building: "The book is being built: no snapshot covers these prices yet.",
  resyncing: "Updates are missing: the book waits for a snapshot, its levels are unknown until then.",
  crossed: "The book is crossed: its best bid is not below its best ask, so nothing is measured on it.",
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
  const advanced = useShows("advanced");
  const book: Book | undefined = live ?? asked.data;
  const bids = levelsOf(book?.bids).slice(0, 5);
  const asks = levelsOf(book?.asks).slice(0, 5);
  const reason = STATES[book?.state ?? ""];
  // Where there is no book there is no panel: an index, or a feed without depth.
  if (bids.length === 0 && asks.length === 0) {
    if (!reason) return null;
    return (
      <Panel title="Order book" source={sourceWord(source)} asOf={book?.as_of} clock={clock}>
        <p className={classes.state}>{reason}</p>
      </Panel>
    );
  }
  const most = Math.max(...bids.map((level) => level.size), ...asks.map((level) => level.size)) || 1;
  // Coins trade in fractions.
  const amount = (size: number) => (size % 1 ? formats.number(size, 4) : formats.count(size));
  const best = bids[0] && asks[0] ? Number(asks[0].price) - Number(bids[0].price) : null;
  return (
    <Panel title="Order book" source={sourceWord(source)} asOf={book?.as_of} clock={clock}>
      {reason && <p className={classes.state}>{reason}</p>}
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
      {advanced && <Measures stock={stock} />}
    </Panel>
  );
}

const UNREAD = "Measured on a book that is ready only";

/** What the engine measures on the book. */
function Measures({ stock }: { stock: Stock }) {
  const row = useQuote(stock.instrument);
  const formats = useFormats();
  const imbalance = row["book.imbalance"] as number | null | undefined;
  const microprice = row["book.microprice"] as number | null | undefined;
  const leans = Number(imbalance) > 0 ? "bids outweigh" : Number(imbalance) < 0 ? "asks outweigh" : "even";
  return (
    <dl className={classes.measures}>
      <div>
        <dt title="(bids − asks) / (bids + asks) of the sizes of the best 5 levels, −1 to 1">Imbalance</dt>
        <dd>
          {isKnown(imbalance) ? (
            <>
              <span className="dim">{leans}</span> <span className="num">{formats.signed(imbalance)}</span>
            </>
          ) : (
            <Missing why={UNREAD} />
          )}
        </dd>
      </div>
      <div>
        <dt title="The best bid and ask, each weighted by the size on the other side">Microprice</dt>
        <dd className="num">
          {isKnown(microprice) ? (
            formats.number(microprice, finer(stock.tick_size), finer(stock.tick_size))
          ) : (
            <Missing why={UNREAD} />
          )}
        </dd>
      </div>
    </dl>
  );
}

/** It lies between two price steps: one decimal more than they have. */
const finer = (tick: Stock["tick_size"]) => Math.max(2, decimalsOf(tick)) + 1;
