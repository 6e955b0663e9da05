/** The frame around every page: banner, rail, top bar, page, and the bar at the bottom of a phone. */
import { Menu } from "@mantine/core";
import { Link, Outlet, useLocation } from "@tanstack/react-router";
import {
  Activity,
  Bell,
  Ellipsis,
  LayoutGrid,
  ListChecks,
  ListFilter,
  PanelLeftClose,
  PanelLeftOpen,
  Settings,
  TrendingUpDown,
} from "lucide-react";
import { lazy, Suspense, useEffect, useRef, useState } from "react";
import { useJoin } from "@/shared/live/hooks";
import { usePrefs } from "@/shared/prefs/prefs";
import { useCommand } from "@/shared/ui/command";
import { Skeleton } from "@/shared/ui/Panel";
import { BellMark } from "./BellMark";
import { useHotkeys } from "./hotkeys";
import { LiveRegion } from "./LiveRegion";
import classes from "./Shell.module.css";
import { SourceBanner } from "./SourceBanner";
import { TopBar } from "./TopBar";

// Dialogs come when they are first wanted: the first page stays small.
const CommandBox = lazy(() => import("./CommandBox").then((module) => ({ default: module.CommandBox })));
const HelpDialog = lazy(() => import("./HelpDialog").then((module) => ({ default: module.HelpDialog })));

const PLACES = [
  { to: "/", name: "Overview", icon: LayoutGrid, key: "O" },
  { to: "/watchlists", name: "Watchlists", icon: ListChecks, key: "W" },
  { to: "/screener", name: "Screener", icon: ListFilter, key: "S" },
  { to: "/options", name: "Options", icon: TrendingUpDown, key: "P" },
  { to: "/alerts", name: "Alerts", icon: Bell, key: "A" },
  { to: "/health", name: "Data health", icon: Activity, key: "H" },
] as const;

/** Five have room at the bottom of a phone: four places, and a menu of the others. */
const IN_MENU: readonly string[] = ["/screener", "/health"];
const ON_PHONES = PLACES.filter((place) => !IN_MENU.includes(place.to));
const MORE = [
  ...PLACES.filter((place) => IN_MENU.includes(place.to)),
  { to: "/settings", name: "Settings", icon: Settings, key: "" } as const,
];

export function Shell() {
  const [help, setHelp] = useState(false);
  const open = usePrefs((prefs) => prefs.railOpen);
  const set = usePrefs((prefs) => prefs.set);
  const commanded = useOnce(useCommand((state) => state.opened));
  const helped = useOnce(help);
  useJoin("market");
  useHotkeys(() => setHelp(true));
  return (
    <div className={classes.frame} data-rail={open ? "open" : "closed"}>
      <a className={classes.skip} href="#page">
        Skip to the page
      </a>
      <SourceBanner />
      <nav className={classes.rail} aria-label="Main">
        <Link to="/" className={classes.brand} aria-label="Marketbell, overview">
          <BellMark />
          {open && <span>Marketbell</span>}
        </Link>
        <ul>
          {PLACES.map((place) => (
            <li key={place.to}>
              <Place {...place} open={open} />
            </li>
          ))}
        </ul>
        <div className={classes.railEnd}>
          <Place to="/settings" name="Settings" icon={Settings} keyName="" open={open} />
          <button
            type="button"
            className={classes.fold}
            onClick={() => set({ railOpen: !open })}
            aria-expanded={open}
            aria-label={open ? "Fold the menu" : "Unfold the menu"}
          >
            {open ? <PanelLeftClose size={18} aria-hidden /> : <PanelLeftOpen size={18} aria-hidden />}
            {open && <span>Fold</span>}
          </button>
        </div>
      </nav>
      <div className={classes.side}>
        <TopBar onHelp={() => setHelp(true)} />
        <Page />
      </div>
      <nav className={classes.bottom} aria-label="Main, phone">
        {ON_PHONES.map((place) => (
          <Link
            key={place.to}
            to={place.to}
            activeOptions={{ exact: place.to === "/" }}
            className={classes.tab}
          >
            <place.icon size={20} aria-hidden />
            <span>{place.name}</span>
          </Link>
        ))}
        <More />
      </nav>
      <Suspense fallback={null}>
        {commanded && <CommandBox />}
        {helped && <HelpDialog opened={help} onClose={() => setHelp(false)} />}
      </Suspense>
      <LiveRegion />
    </div>
  );
}

function More() {
  const { pathname } = useLocation();
  return (
    <Menu position="top-end" withinPortal>
      <Menu.Target>
        <button
          type="button"
          className={classes.tab}
          data-status={MORE.some((place) => pathname.startsWith(place.to)) ? "active" : undefined}
        >
          <Ellipsis size={20} aria-hidden />
          <span>More</span>
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        {MORE.map((place) => (
          <Menu.Item
            key={place.to}
            component={Link}
            to={place.to}
            leftSection={<place.icon size={16} aria-hidden />}
          >
            {place.name}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

/** True from the first time on. */
function useOnce(now: boolean): boolean {
  const [was, setWas] = useState(now);
  if (now && !was) setWas(true);
  return was || now;
}

function Place(props: {
  to: string;
  name: string;
  icon: typeof Bell;
  key?: string;
  keyName?: string;
  open: boolean;
}) {
  const { to, name, icon: Icon, open } = props;
  return (
    <Link
      to={to}
      activeOptions={{ exact: to === "/", includeSearch: false }}
      className={classes.place}
      aria-label={open ? undefined : name}
      title={open ? undefined : name}
    >
      <Icon size={18} aria-hidden />
      {open && <span>{name}</span>}
    </Link>
  );
}

/** The page; a screen reader's focus follows the address. */
function Page() {
  const { pathname } = useLocation();
  const ref = useRef<HTMLElement>(null);
  const first = useRef(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the address is what moves the focus
  useEffect(() => {
    if (first.current) first.current = false;
    else ref.current?.focus({ preventScroll: true });
  }, [pathname]);
  return (
    <main id="page" ref={ref} tabIndex={-1} className={classes.page}>
      <Suspense fallback={<Skeleton height={320} />}>
        <Outlet />
      </Suspense>
    </main>
  );
}
