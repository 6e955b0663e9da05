/** Names for the shapes that the server's own document gives (schema.d.ts is generated from it). */
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Stock = Schemas["Stock"];
export type StockList = Schemas["StockList"];
export type UndervaluedList = Schemas["UndervaluedList"];
export type Bar = Schemas["Bar"];
export type SeriesSet = Schemas["SeriesSet"];
export type BookLevel = Schemas["BookLevel"];
export type OrderBook = Schemas["OrderBook"];
export type MarketSummary = Schemas["MarketSummary"];
export type MarketSession = Schemas["SessionState"];
export type Breadth = Schemas["Breadth"];
export type SourceInfo = Schemas["FeedLabel"];
export type Feed = Schemas["FeedState"];
export type Quality = Schemas["Quality"];
export type ProcessRow = Schemas["ProcessState"];
export type PartitionRow = Schemas["PartitionState"];
export type Rule = Schemas["Rule"];
export type Alert = Schemas["Alert"];
export type AlertDelivery = Schemas["AlertDelivery"];
export type Watchlist = Schemas["Watchlist"];
export type FieldInfo = Schemas["FieldInfo"];
export type SessionInfo = Schemas["SessionInfo"];
export type HoldingPoint = Schemas["HoldingPoint"];
export type FundamentalFact = Schemas["FundamentalFact"];
export type PatternItem = Schemas["PatternItem"];
export type StreamProcess = Schemas["StreamProcess"];
export type ChainsKept = Schemas["ChainsKept"];

/** A sector as REST (decimal text) or a live frame (number) brings it. */
export type SectorRow = Omit<Schemas["Sector"], "change_pct"> & { change_pct: string | number | null };
