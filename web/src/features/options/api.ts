/** What the options pages ask. The chain's room brings changes; these bring the whole. */
import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { api, unwrap } from "@/shared/api/client";
import * as read from "./read";
import type { Leg, View, WhatIf } from "./types";

type Model = "black76" | "bsm" | "nse" | "american";

/** A model that an address names; the server's default where it names none. */
const modelOf = (model: string | undefined): Model | undefined => model as Model | undefined;

const path = (underlying: string) => ({ path: { underlying } });

const REST_MS = 30_000;
const LIST_MS = 10_000;

export const underlyingsQuery = queryOptions({
  queryKey: ["options", "list"],
  queryFn: async ({ signal }) => read.readUnderlyings(await unwrap(api.GET("/api/options", { signal }))),
  refetchInterval: LIST_MS,
});

export const expiriesQuery = (underlying: string, as_of: string | undefined) =>
  queryOptions({
    queryKey: ["options", underlying, "expiries", as_of],
    queryFn: async ({ signal }) =>
      read.readExpiries(
        await unwrap(
          api.GET("/api/options/{underlying}/expiries", {
            params: { ...path(underlying), query: { as_of } },
            signal,
          }),
        ),
      ),
    refetchInterval: as_of ? false : REST_MS,
    placeholderData: keepPreviousData,
  });

export interface ChainAsk {
  underlying: string;
  expiry: string;
  as_of: string | undefined;
  model: string | undefined;
  /** A fraction a year. */
  rate: number | undefined;
}

/** Where the room cannot bring the changes (another model than it computes), the chain is asked again so often. */
const OWN_MODEL_MS = 3_000;

export const chainQuery = ({ underlying, expiry, as_of, model, rate }: ChainAsk) =>
  queryOptions({
    queryKey: ["options", underlying, "chain", expiry, as_of, model, rate],
    queryFn: async ({ signal }) =>
      read.readChain(
        await unwrap(
          api.GET("/api/options/{underlying}/chain", {
            params: { ...path(underlying), query: { expiry, as_of, model: modelOf(model), rate } },
            signal,
          }),
        ),
      ),
    enabled: expiry !== "",
    refetchInterval: as_of ? false : model || rate !== undefined ? OWN_MODEL_MS : REST_MS,
    staleTime: as_of ? Number.POSITIVE_INFINITY : 5_000,
    // The same expiry a minute later takes the place of the old one without a blank between.
    placeholderData: (old, before) =>
      before?.queryKey[1] === underlying && before.queryKey[3] === expiry ? old : undefined,
  });

export const metricsQuery = (underlying: string, as_of: string | undefined) =>
  queryOptions({
    queryKey: ["options", underlying, "metrics", as_of],
    queryFn: async ({ signal }) =>
      read.readMetricSet(
        await unwrap(
          api.GET("/api/options/{underlying}/metrics", {
            params: { ...path(underlying), query: { as_of } },
            signal,
          }),
        ),
      ),
    refetchInterval: as_of ? false : LIST_MS,
    placeholderData: keepPreviousData,
  });

export const painQuery = (underlying: string, expiry: string, as_of: string | undefined) =>
  queryOptions({
    queryKey: ["options", underlying, "pain", expiry, as_of],
    queryFn: async ({ signal }) =>
      read.readPain(
        await unwrap(
          api.GET("/api/options/{underlying}/max-pain", {
            params: { ...path(underlying), query: { expiry, as_of } },
            signal,
          }),
        ),
      ),
    refetchInterval: as_of ? false : REST_MS,
    placeholderData: keepPreviousData,
  });

export const surfaceQuery = (underlying: string, as_of: string | undefined) =>
  queryOptions({
    queryKey: ["options", underlying, "surface", as_of],
    queryFn: async ({ signal }) =>
      read.readSurface(
        await unwrap(
          api.GET("/api/options/{underlying}/volatility-surface", {
            params: { ...path(underlying), query: { as_of } },
            signal,
          }),
        ),
      ),
    refetchInterval: as_of ? false : REST_MS,
    placeholderData: keepPreviousData,
  });

export interface HistoryAsk {
  underlying: string;
  expiry: string;
  from: string;
  to: string;
  names: string;
}

export const historyQuery = ({ underlying, expiry, from, to, names }: HistoryAsk) =>
  queryOptions({
    queryKey: ["options", underlying, "history", expiry, from, to, names],
    queryFn: async ({ signal }) =>
      read.readHistory(
        await unwrap(
          api.GET("/api/options/{underlying}/history", {
            params: { ...path(underlying), query: { expiry, from, to, names } },
            signal,
          }),
        ),
      ),
    enabled: from !== "",
    placeholderData: keepPreviousData,
  });

export const timesQuery = (underlying: string, expiry: string, from: string, to: string) =>
  queryOptions({
    queryKey: ["options", underlying, "times", expiry, from, to],
    queryFn: async ({ signal }) =>
      read.readTimes(
        await unwrap(
          api.GET("/api/options/{underlying}/times", {
            params: { ...path(underlying), query: { expiry, from, to } },
            signal,
          }),
        ),
      ),
    enabled: from !== "",
    placeholderData: keepPreviousData,
  });

export const strategiesQuery = (underlying: string, expiry: string, view: View, as_of: string | undefined) =>
  queryOptions({
    queryKey: ["options", underlying, "strategies", expiry, view, as_of],
    queryFn: async ({ signal }) =>
      read.readStrategies(
        await unwrap(
          api.GET("/api/options/{underlying}/strategies", {
            params: { ...path(underlying), query: { view, expiry, as_of } },
            signal,
          }),
        ),
      ),
    enabled: expiry !== "",
    refetchInterval: as_of ? false : REST_MS,
  });

export const presetsQuery = queryOptions({
  queryKey: ["options", "presets"],
  queryFn: async ({ signal }) => read.readPresets(await unwrap(api.GET("/api/options/presets", { signal }))),
  staleTime: Number.POSITIVE_INFINITY,
});

/** The legs of a named position, made of this chain's contracts now. */
export async function buildPreset(
  underlying: string,
  name: string,
  expiry: string,
  as_of: string | undefined,
): Promise<Leg[]> {
  const params = { path: { underlying, name }, query: { expiry, ...(as_of && { as_of }) } };
  return read.readPreset(await unwrap(api.GET("/api/options/{underlying}/presets/{name}", { params })));
}

export interface PayoffAsk {
  underlying: string;
  expiry: string;
  as_of: string | undefined;
  legs: readonly Leg[];
  what_if: WhatIf | null;
  model?: string | undefined;
  /** A fraction a year. */
  rate?: number | undefined;
}

const PAYOFF_MS = 10_000;

export const payoffQuery = ({ underlying, expiry, as_of, legs, what_if, model, rate }: PayoffAsk) =>
  queryOptions({
    queryKey: ["options", underlying, "payoff", expiry, as_of, legs, what_if, model, rate],
    queryFn: async ({ signal }) =>
      read.readPayoff(
        await unwrap(
          api.POST("/api/options/{underlying}/payoff", {
            params: path(underlying),
            body: {
              expiry,
              ...(as_of && { as_of }),
              ...(model && { model: modelOf(model) }),
              ...(rate !== undefined && { rate }),
              legs: [...legs],
              ...(what_if && { what_if }),
            },
            signal,
          }),
        ),
      ),
    enabled: legs.length > 0 && expiry !== "",
    refetchInterval: as_of ? false : PAYOFF_MS,
    placeholderData: (old, before) =>
      before?.queryKey[1] === underlying && legs.length > 0 ? old : undefined,
  });
