/** The chain with its tools: how many strikes, which columns, which model. */
import { ActionIcon, Checkbox, Popover, SegmentedControl, Tooltip } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { Columns3Cog, LocateFixed } from "lucide-react";
import { useCallback, useMemo, useRef, useState } from "react";
import { toMillis } from "@/shared/format/time";
import { useFresh } from "@/shared/live/freshness";
import { useMarketClock } from "@/shared/live/market";
import { usePrefs, useShows } from "@/shared/prefs/prefs";
import { usePageKeys } from "@/shared/ui/keys";
import { Panel, type PanelState } from "@/shared/ui/Panel";
import { saveCsv } from "@/shared/ui/save";
import { ChainTable } from "./ChainTable";
import { COLUMNS, DEFAULTS, NARROW } from "./chainColumns";
import { type Click, press } from "./legs";
import { ModelMenu } from "./ModelMenu";
import { near } from "./near";
import classes from "./options.module.css";
import { REACHES, type Reach, useKept } from "./store";
import type { Chain, Strike } from "./types";
import type { Options } from "./useOptions";
import { flagWords, sourceOf } from "./words";

/** Ten strikes to either side of the money, whole. */
const HEIGHT = 850;
const REACH_WORDS: Record<Reach, string> = { "10": "±10", "20": "±20", all: "All" };

interface Props {
  options: Options;
  state: PanelState;
  className?: string | undefined;
}

export function ChainPanel({ options, state, className }: Props) {
  const { chain, legs, setLegs, expiry, asOf } = options;
  const clock = useMarketClock();
  const advanced = useShows("advanced");
  const { reach, set } = useKept();
  const [middle, setMiddle] = useState(0);
  const [isChoosing, setChoosing] = useState(false);
  const rows = useMemo(
    () => (chain ? near(chain.strikes, chain.atm_strike, reach === "all" ? null : Number(reach)) : []),
    [chain, reach],
  );
  const columns = useColumns(rows);
  const hasQuotes = useMemo(
    () => advanced && rows.some((row) => row.call.bid !== null || row.put.bid !== null),
    [rows, advanced],
  );
  // The rows are many and are drawn anew when what they are given changes: the press is always the same one.
  const now = useRef({ legs, setLegs, expiry });
  now.current = { legs, setLegs, expiry };
  const onPress = useCallback((click: Click) => {
    const { legs, setLegs, expiry } = now.current;
    setLegs(press(legs, click, expiry));
  }, []);
  usePageKeys({ c: () => setChoosing((was) => !was), e: () => chain && toCsv(chain) });
  const own: PanelState =
    state.kind === "ready" && chain && chain.flags.length > 0
      ? { kind: "partial", note: `Reading this chain found: ${flagWords(chain.flags)}.` }
      : state;
  const fresh = useFresh(own);
  return (
    <Panel
      title="Option chain"
      className={className ?? ""}
      source={chain && sourceOf(chain)}
      asOf={chain?.as_of}
      clock={asOf ? toMillis(chain?.as_of) : clock}
      state={asOf ? own : fresh}
      height={HEIGHT}
      flush
      {...(chain && { onCsv: () => toCsv(chain) })}
      tools={
        <>
          <SegmentedControl
            size="xs"
            aria-label="Strikes to either side of the money"
            data={REACHES.map((value) => ({ value, label: REACH_WORDS[value] }))}
            value={reach}
            onChange={(value) => set({ reach: value as Reach })}
          />
          <Tooltip label="Back to the money">
            <ActionIcon size={28} aria-label="Back to the money" onClick={() => setMiddle((old) => old + 1)}>
              <LocateFixed size={16} aria-hidden />
            </ActionIcon>
          </Tooltip>
          <ColumnsMenu isOpen={isChoosing} onOpen={setChoosing} shown={columns.map((one) => one.id)} />
        </>
      }
    >
      {chain && (
        <ChainTable
          key={middle}
          chain={chain}
          rows={rows}
          columns={columns}
          hasQuotes={hasQuotes}
          legs={legs}
          onPress={onPress}
          height={HEIGHT}
        />
      )}
      {chain && (
        <footer className={classes.foot}>
          <ModelMenu options={options} />
          <span>
            Shaded: in the money. Dotted: no fresh quote or hardly traded. Open interest in units of the
            underlying
            {chain.lot_size ? `, ${chain.lot_size} a lot` : ""}.
          </span>
        </footer>
      )}
    </Panel>
  );
}

/** The columns that were chosen; else those of the mode that this source fills. */
function useColumns(rows: readonly Strike[]) {
  const mode = usePrefs((prefs) => prefs.mode);
  const kept = useKept((one) => one.columns);
  const isNarrow = useMediaQuery("(max-width: 720px)");
  const filled = COLUMNS.filter((column) =>
    rows.some((row) => isFilled(column.value(row.call)) || isFilled(column.value(row.put))),
  )
    .map((column) => column.id)
    .join();
  return useMemo(() => {
    const ids =
      isNarrow && mode !== "advanced"
        ? NARROW
        : (kept ?? DEFAULTS[mode].filter((id) => id === "iv" || filled.split(",").includes(id)));
    return COLUMNS.filter((column) => ids.includes(column.id));
  }, [mode, kept, isNarrow, filled]);
}

const isFilled = (value: number | string | null): boolean => value !== null && value !== "";

function ColumnsMenu(props: { isOpen: boolean; onOpen: (open: boolean) => void; shown: readonly string[] }) {
  const { isOpen, onOpen, shown } = props;
  const set = useKept((one) => one.set);
  const isOwn = useKept((one) => one.columns !== null);
  const turn = (id: string) =>
    set({ columns: shown.includes(id) ? shown.filter((one) => one !== id) : [...shown, id] });
  return (
    <Popover
      opened={isOpen}
      onChange={onOpen}
      trapFocus
      returnFocus
      position="bottom-end"
      width={260}
      withinPortal
    >
      <Popover.Target>
        <ActionIcon size={28} aria-label="Columns of the chain" onClick={() => onOpen(!isOpen)}>
          <Columns3Cog size={16} aria-hidden />
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown aria-label="Columns of the chain">
        <div className={classes.checks}>
          {[...COLUMNS].reverse().map((column) => (
            <Checkbox
              key={column.id}
              size="xs"
              label={column.title}
              checked={shown.includes(column.id)}
              onChange={() => turn(column.id)}
            />
          ))}
        </div>
        {isOwn && (
          <button type="button" className={classes.textButton} onClick={() => set({ columns: null })}>
            Back to the mode's own columns
          </button>
        )}
      </Popover.Dropdown>
    </Popover>
  );
}

export function toCsv(chain: Chain): void {
  const names = ["price", "bid", "ask", ...COLUMNS.map((column) => column.id)];
  const cell = (quote: Chain["strikes"][number]["call"], name: string) =>
    name === "price" || name === "bid" || name === "ask"
      ? quote[name]
      : (COLUMNS.find((column) => column.id === name)?.value(quote) ?? null);
  saveCsv(
    `${chain.symbol}-${chain.expiry}`,
    ["strike", ...names.map((name) => `call_${name}`), ...names.map((name) => `put_${name}`)],
    chain.strikes.map((row) => [
      row.strike,
      ...names.map((name) => cell(row.call, name)),
      ...names.map((name) => cell(row.put, name)),
    ]),
  );
}
