/** The chain for beginners: strike, price, and a bar that says where most contracts are open. */
import { Button } from "@mantine/core";
import { useMemo, useState } from "react";
import { toMillis } from "@/shared/format/time";
import { useFormats } from "@/shared/format/use";
import { useFresh } from "@/shared/live/freshness";
import { useMarketClock } from "@/shared/live/market";
import { Panel, type PanelState } from "@/shared/ui/Panel";
import { ChainTable } from "./ChainTable";
import { COLUMNS, DEFAULTS } from "./chainColumns";
import { type Click, press } from "./legs";
import { near } from "./near";
import classes from "./options.module.css";
import type { Options } from "./useOptions";
import { sourceOf } from "./words";

const FEW = 6;
const OI = COLUMNS.filter((column) => DEFAULTS.beginner.includes(column.id));

export function SimpleChain({
  options,
  state,
  className,
}: {
  options: Options;
  state: PanelState;
  className: string | undefined;
}) {
  const { chain, legs, setLegs, expiry, asOf } = options;
  const [isWhole, setWhole] = useState(false);
  const clock = useMarketClock();
  const formats = useFormats();
  const fresh = useFresh(state);
  const rows = useMemo(
    () => (chain ? near(chain.strikes, chain.atm_strike, isWhole ? null : FEW) : []),
    [chain, isWhole],
  );
  return (
    <Panel
      title="Option chain"
      className={className ?? ""}
      source={chain && sourceOf(chain)}
      asOf={chain?.as_of}
      clock={asOf ? toMillis(chain?.as_of) : clock}
      state={asOf ? state : fresh}
      height={480}
      flush
    >
      {chain && (
        <>
          <p className={classes.lead}>
            A <b className={classes.callWord}>call</b> is the right to buy {chain.symbol} at the strike, a{" "}
            <b className={classes.putWord}>put</b> the right to sell it there, until{" "}
            {formats.day(`${chain.expiry}T06:30:00Z`)}. The bar shows how many contracts are open. Press a
            price to try it.
          </p>
          <ChainTable
            chain={chain}
            rows={rows}
            columns={OI}
            hasQuotes={false}
            legs={legs}
            onPress={(click: Click) => setLegs(press(legs, click, expiry))}
            height={isWhole ? 640 : 720}
          />
          {chain.strikes.length > rows.length || isWhole ? (
            <p className={classes.more}>
              <Button variant="subtle" size="xs" onClick={() => setWhole(!isWhole)}>
                {isWhole ? "Only those near the price" : `Show all ${chain.strikes.length} strikes`}
              </Button>
            </p>
          ) : null}
        </>
      )}
    </Panel>
  );
}
