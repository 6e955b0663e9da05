/** Companies first, then actions; recent ones on top while nothing is typed. */
import { useDebouncedValue } from "@mantine/hooks";
import { createSpotlight, Spotlight } from "@mantine/spotlight";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useEffect } from "react";
import { screensQuery } from "@/features/screener/api";
import { searchQuery } from "@/shared/api/queries";
import { usePrefs } from "@/shared/prefs/prefs";
import { isQuery, parseAlert, parseScreen, useCommand } from "@/shared/ui/command";
import classes from "./CommandBox.module.css";

const [store, spotlight] = createSpotlight();

interface Action {
  id: string;
  label: string;
  hint: string;
  run: () => void;
}

export function CommandBox() {
  const { text, opened } = useCommand();
  useEffect(() => {
    if (opened) spotlight.open();
  }, [opened]);
  const [asked] = useDebouncedValue(text.trim(), 120);
  const recent = usePrefs((prefs) => prefs.recent);
  const navigate = useNavigate();
  const alert = parseAlert(text);
  const screen = parseScreen(text);
  const needle = alert ? alert.symbol : screen === null ? asked : "";
  const found = useQuery({ ...searchQuery(needle), enabled: needle.length > 0 });
  const actions = useActions(screen === null ? text : "");
  const open = (id: string) => void navigate({ to: "/symbol/$id", params: { id }, search: {} });

  const companies = needle ? (found.data?.items ?? []) : [];
  return (
    <Spotlight.Root
      store={store}
      query={text}
      onQueryChange={(value) => useCommand.setState({ text: value })}
      shortcut={null}
      clearQueryOnClose={false}
      onSpotlightClose={() => useCommand.setState({ opened: false })}
      scrollable
      maxHeight={420}
    >
      <Spotlight.Search
        placeholder="INFY, a company's name, “alert infy > 1600”, “screen pe < 15”, “settings”…"
        aria-label="Search or command"
      />
      <Spotlight.ActionsList>
        {alert && companies[0] && (
          <Spotlight.Action
            label={`Alert when ${companies[0].symbol} crosses ${alert.direction} ${alert.level}`}
            description="Opens the new alert, filled in"
            onClick={() =>
              void navigate({
                to: "/rules/new",
                search: { on: companies[0]?.instrument, [alert.direction]: alert.level },
              })
            }
          />
        )}
        {screen !== null && <Screens words={screen} />}
        {!needle && screen === null && recent.length > 0 && (
          <Spotlight.ActionsGroup label="Recent">
            {recent.slice(0, 5).map((key) => (
              <Spotlight.Action
                key={key}
                label={key.split(":")[1] ?? key}
                description={key}
                onClick={() => open(key)}
              />
            ))}
          </Spotlight.ActionsGroup>
        )}
        {companies.length > 0 && (
          <Spotlight.ActionsGroup label="Companies and indices">
            {companies.map((stock) => (
              <Spotlight.Action
                key={stock.instrument}
                onClick={() => open(stock.instrument)}
                rightSection={<span className={classes.hint}>{stock.sector || stock.kind}</span>}
                label={stock.symbol}
                description={stock.name}
              />
            ))}
          </Spotlight.ActionsGroup>
        )}
        {screen === null && actions.length > 0 && (
          <Spotlight.ActionsGroup label="Actions">
            {actions.map((action) => (
              <Spotlight.Action
                key={action.id}
                label={action.label}
                onClick={action.run}
                rightSection={<span className={classes.hint}>{action.hint}</span>}
              />
            ))}
          </Spotlight.ActionsGroup>
        )}
        {needle && !found.isFetching && companies.length === 0 && actions.length === 0 && (
          <Spotlight.Empty>No company, index or action is called “{text.trim()}”.</Spotlight.Empty>
        )}
      </Spotlight.ActionsList>
    </Spotlight.Root>
  );
}

/** "screen value" → the screens of that name; "screen pe < 15" → those words as a query. */
function Screens({ words }: { words: string }) {
  const navigate = useNavigate();
  const screens = useQuery({ ...screensQuery, refetchInterval: false }).data ?? [];
  const named = screens.filter((one) => !words || fuzzy(one.name.toLowerCase(), words.toLowerCase()));
  const open = (search: { screen?: string; text?: string }) => void navigate({ to: "/screener", search });
  return (
    <Spotlight.ActionsGroup label="Screens">
      {isQuery(words) && (
        <Spotlight.Action
          label={`Companies with ${words}`}
          description="Opens the screener"
          onClick={() => open({ text: words })}
        />
      )}
      {named.slice(0, 6).map((one) => (
        <Spotlight.Action
          key={one.screen_id}
          label={one.name}
          description={one.description}
          onClick={() => open({ screen: one.screen_id })}
        />
      ))}
    </Spotlight.ActionsGroup>
  );
}

function useActions(text: string): Action[] {
  const navigate = useNavigate();
  const set = usePrefs((prefs) => prefs.set);
  const go = (to: string) => () => void navigate({ to });
  const all: Action[] = [
    { id: "overview", label: "Go to Overview", hint: "G O", run: go("/") },
    { id: "watchlists", label: "Go to Watchlists", hint: "G W", run: go("/watchlists") },
    { id: "screener", label: "Go to Screener", hint: "G S", run: go("/screener") },
    { id: "options", label: "Go to Options", hint: "G P", run: go("/options") },
    { id: "alerts", label: "Go to Alerts", hint: "G A", run: go("/alerts") },
    { id: "new-alert", label: "New alert", hint: "A", run: go("/rules/new") },
    { id: "health", label: "Go to Data health", hint: "G H", run: go("/health") },
    { id: "settings", label: "Go to Settings", hint: "", run: go("/settings") },
    { id: "beginner", label: "Mode: beginner", hint: "M", run: () => set({ mode: "beginner" }) },
    { id: "intermediate", label: "Mode: intermediate", hint: "M", run: () => set({ mode: "intermediate" }) },
    { id: "advanced", label: "Mode: advanced", hint: "M", run: () => set({ mode: "advanced" }) },
    { id: "dark", label: "Theme: dark", hint: "", run: () => set({ theme: "dark" }) },
    { id: "light", label: "Theme: light", hint: "", run: () => set({ theme: "light" }) },
  ];
  const words = text.trim().toLowerCase();
  if (!words) return all.slice(0, 5);
  return all.filter((action) => fuzzy(action.label.toLowerCase(), words)).slice(0, 5);
}

/** All letters of the needle in order, starting at some word. */
export function fuzzy(hay: string, needle: string): boolean {
  if (hay.includes(needle)) return true;
  if (needle.length < 2) return false;
  return hay.split(" ").some((word) => {
    let at = 0;
    for (const letter of word) if (letter === needle[at]) at += 1;
    return at === needle.length && word[0] === needle[0];
  });
}
