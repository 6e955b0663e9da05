/** What one underlying's page shows: its address, the chain of the chosen expiry, live where it can be. */
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { quotes, rooms } from "@/shared/live/hooks";
import { chainQuery, expiriesQuery } from "./api";
import { readLegs, writeLegs } from "./legs";
import { LiveChain, roomOf, type Said } from "./merge";
import type { Chain, Expiry, Leg, View } from "./types";

export interface Address {
  expiry?: string | undefined;
  outlook?: View | undefined;
  legs?: string | undefined;
  /** A stored moment; the page stands still there. */
  as_of?: string | undefined;
  model?: string | undefined;
  /** Percentage points a year. */
  rate?: number | undefined;
}

export interface Options {
  underlying: string;
  symbol: string;
  expiry: string;
  expiries: readonly Expiry[];
  asOf: string | undefined;
  model: string | undefined;
  rate: number | undefined;
  outlook: View | undefined;
  legs: readonly Leg[];
  setLegs: (legs: readonly Leg[]) => void;
  go: (change: Partial<Address>) => void;
  chain: Chain | undefined;
  /** The room brings what changes. */
  isLive: boolean;
}

/** Charts and tables are renewed at most four times a second, however often the room speaks. */
const EVERY_MS = 250;

export function useExpiries(underlying: string) {
  const { as_of } = useSearch({ from: "/options/$underlying" });
  return useQuery(expiriesQuery(underlying, as_of));
}

export function useOptions(underlying: string, expiries: readonly Expiry[]) {
  const search = useSearch({ from: "/options/$underlying" });
  const navigate = useNavigate();
  const expiry = (expiries.find((one) => one.expiry === search.expiry) ?? expiries[0])?.expiry ?? "";
  const { as_of: asOf, model, rate, outlook } = search;
  const query = useQuery(
    chainQuery({ underlying, expiry, as_of: asOf, model, rate: rate === undefined ? undefined : rate / 100 }),
  );
  // The room computes by the default model: another one is asked for by itself.
  const isLive = asOf === undefined && model === undefined && rate === undefined && expiry !== "";
  const chain = useLive(query.data, isLive);
  const legs = useMemo(() => readLegs(search.legs), [search.legs]);
  const go = useCallback(
    (change: Partial<Address>) =>
      void navigate({
        to: "/options/$underlying",
        params: { underlying },
        search: (old) => ({ ...old, ...change }),
        replace: true,
        resetScroll: false,
      }),
    [navigate, underlying],
  );
  const setLegs = useCallback((next: readonly Leg[]) => go({ legs: writeLegs(next) }), [go]);
  const options: Options = {
    underlying,
    symbol: chain?.symbol ?? underlying.split(":").pop() ?? underlying,
    expiry,
    expiries,
    asOf,
    model,
    rate,
    outlook,
    legs,
    setLegs,
    go,
    chain,
    isLive,
  };
  return { options, query };
}

/** The chain as asked, with what its room said since. */
function useLive(asked: Chain | undefined, isLive: boolean): Chain | undefined {
  const room = asked && isLive ? roomOf(asked.underlying, asked.expiry) : null;
  const [, setBeat] = useState(0);
  const merger = useRef(new LiveChain());
  useEffect(() => {
    if (!room) return;
    let waiting: ReturnType<typeof setTimeout> | null = null;
    const release = rooms.use(room);
    const silence = rooms.listen(room, () => {
      waiting ??= setTimeout(() => {
        waiting = null;
        setBeat((old) => old + 1);
      }, EVERY_MS);
    });
    return () => {
      silence();
      release();
      if (waiting) clearTimeout(waiting);
    };
  }, [room]);
  if (!asked || !room) return asked;
  const { data, as_of, received } = rooms.state(room);
  const said = received > 0 ? sayingOf(data, as_of) : null;
  return merger.current.merge(asked, said, (key) => quotes.get(key));
}

const sayings = new WeakMap<object, Said>();

/** A room's data with its time; the same object for the same data, so that nothing is merged twice. */
function sayingOf(data: Readonly<Record<string, unknown>>, as_of: unknown): Said {
  const kept = sayings.get(data);
  if (kept) return kept;
  const said: Said = { as_of, ...data };
  sayings.set(data, said);
  return said;
}
