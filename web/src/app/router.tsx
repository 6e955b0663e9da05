/** The addresses. Each page is its own chunk; every address works in every mode. */
import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { RANGES, type Range } from "@/shared/format/ranges";
import { NotFound } from "./shell/NotFound";
import { Shell } from "./shell/Shell";

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });

const text = (value: unknown): string | undefined => (typeof value === "string" && value ? value : undefined);
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

const alerts = createRoute({
  getParentRoute: () => root,
  path: "/alerts",
  validateSearch: (search: Record<string, unknown>): { show?: "unread" | "rules" } => ({
    show: one(search.show, ["unread", "rules"] as const),
  }),
  component: lazyRouteComponent(() => import("@/features/alerts/AlertsPage"), "AlertsPage"),
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
  routeTree: root.addChildren([overview, symbol, watchlists, alerts, health, settings, devUi]),
  defaultPreload: "intent",
  pathParamsAllowedCharacters: [":", "&"],
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
