/** The addresses. Each page is its own chunk; every address works in every mode. */
import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import type { DeliveryState, Severity } from "@/shared/api/delivery";
import { RANGES, type Range } from "@/shared/format/ranges";
import { NotFound } from "./shell/NotFound";
import { Shell } from "./shell/Shell";

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });

const text = (value: unknown): string | undefined => (typeof value === "string" && value ? value : undefined);
/** A price in an address, which the router reads as a number where it looks like one. */
const level = (value: unknown): string | undefined => (Number(value) > 0 ? String(value) : undefined);
const one = <T extends string>(value: unknown, of: readonly T[]): T | undefined =>
  of.includes(value as T) ? (value as T) : undefined;

const overview = createRoute({
  getParentRoute: () => root,
  path: "/",
  validateSearch: (search: Record<string, unknown>): { map?: "table" } => ({
    map: one(search.map, ["table"] as const),
  }),
  component: lazyRouteComponent(() => import("@/features/overview/OverviewPage"), "OverviewPage"),
});

const symbol = createRoute({
  getParentRoute: () => root,
  path: "/symbol/$id",
  validateSearch: (
    search: Record<string, unknown>,
  ): { range?: Range; interval?: string; chart?: "line" | "table"; studies?: string; alert?: string } => ({
    range: one(search.range, RANGES),
    interval: text(search.interval),
    studies: text(search.studies),
    chart: one(search.chart, ["line", "table"] as const),
    alert: text(search.alert),
  }),
  component: lazyRouteComponent(() => import("@/features/symbol/SymbolPage"), "SymbolPage"),
});

const watchlists = createRoute({
  getParentRoute: () => root,
  path: "/watchlists",
  validateSearch: (search: Record<string, unknown>): { list?: string; sort?: string } => ({
    list: text(search.list),
    sort: text(search.sort),
  }),
  component: lazyRouteComponent(() => import("@/features/watchlists/WatchlistsPage"), "WatchlistsPage"),
});

const screener = createRoute({
  getParentRoute: () => root,
  path: "/screener",
  validateSearch: (
    search: Record<string, unknown>,
  ): {
    screen?: string;
    text?: string;
    sort?: string;
    columns?: string;
    as_of?: string;
    view?: "chips" | "text";
  } => ({
    screen: text(search.screen),
    text: text(search.text),
    sort: text(search.sort),
    columns: text(search.columns),
    as_of: text(search.as_of),
    view: one(search.view, ["chips", "text"] as const),
  }),
  component: lazyRouteComponent(() => import("@/features/screener/ScreenerPage"), "ScreenerPage"),
});

const options = createRoute({
  getParentRoute: () => root,
  path: "/options",
  component: lazyRouteComponent(() => import("@/features/options/OptionsPage"), "OptionsPage"),
});

const underlying = createRoute({
  getParentRoute: () => root,
  path: "/options/$underlying",
  validateSearch: (
    search: Record<string, unknown>,
  ): {
    expiry?: string;
    outlook?: "up" | "down" | "flat" | "big_move";
    legs?: string;
    as_of?: string;
    model?: string;
    rate?: number;
  } => ({
    expiry: text(search.expiry),
    outlook: one(search.outlook, ["up", "down", "flat", "big_move"] as const),
    legs: text(search.legs),
    as_of: text(search.as_of),
    model: text(search.model),
    rate: typeof search.rate === "number" ? search.rate : undefined,
  }),
  component: lazyRouteComponent(() => import("@/features/options/UnderlyingPage"), "UnderlyingPage"),
});

const alerts = createRoute({
  getParentRoute: () => root,
  path: "/alerts",
  validateSearch: (
    search: Record<string, unknown>,
  ): {
    show?: "unread" | "rules";
    by?: "rule" | "symbol";
    rule?: string;
    on?: string;
    state?: DeliveryState;
    severity?: Severity;
    story?: string;
  } => ({
    show: one(search.show, ["unread", "rules"] as const),
    by: one(search.by, ["rule", "symbol"] as const),
    // The server knows which states there are, and says so of others.
    state: text(search.state) as DeliveryState,
    severity: one(search.severity, ["low", "normal", "high"] as const),
    story: text(search.story),
    rule: text(search.rule),
    on: text(search.on),
  }),
  component: lazyRouteComponent(() => import("@/features/alerts/AlertsPage"), "AlertsPage"),
});

const VIEWS = ["sentence", "form", "text"] as const;
type View = (typeof VIEWS)[number];

const newRule = createRoute({
  getParentRoute: () => root,
  path: "/rules/new",
  validateSearch: (
    search: Record<string, unknown>,
  ): { on?: string; above?: string; below?: string; template?: string; text?: string; view?: View } => ({
    on: text(search.on),
    above: level(search.above),
    below: level(search.below),
    template: text(search.template),
    text: text(search.text),
    view: one(search.view, VIEWS),
  }),
  component: lazyRouteComponent(() => import("@/features/rules/RulePage"), "NewRulePage"),
});

const rule = createRoute({
  getParentRoute: () => root,
  path: "/rules/$uid",
  validateSearch: (search: Record<string, unknown>): { view?: View } => ({ view: one(search.view, VIEWS) }),
  component: lazyRouteComponent(() => import("@/features/rules/RulePage"), "RulePage"),
});

const health = createRoute({
  getParentRoute: () => root,
  path: "/health",
  component: lazyRouteComponent(() => import("@/features/health/HealthPage"), "HealthPage"),
});

const settings = createRoute({
  getParentRoute: () => root,
  path: "/settings",
  component: lazyRouteComponent(() => import("@/features/settings/SettingsPage"), "SettingsPage"),
});

const devUi = createRoute({
  getParentRoute: () => root,
  path: "/dev/ui",
  component: lazyRouteComponent(() => import("@/features/devui/DevUiPage"), "DevUiPage"),
});

export const router = createRouter({
  routeTree: root.addChildren([
    overview,
    symbol,
    watchlists,
    screener,
    options,
    underlying,
    alerts,
    newRule,
    rule,
    health,
    settings,
    devUi,
  ]),
  defaultPreload: "intent",
  pathParamsAllowedCharacters: [":", "&"],
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
