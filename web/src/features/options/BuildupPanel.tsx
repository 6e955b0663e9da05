/** Where positions were opened and closed: the largest changes by what price and open interest did together. */
import { useMemo } from "react";
import { useFormats } from "@/shared/format/use";
import { Panel } from "@/shared/ui/Panel";
import { saveCsv } from "@/shared/ui/save";
import { ChangeText } from "@/shared/ui/values";
import { buildups } from "./buildups";
import classes from "./options.module.css";
import type { Options } from "./useOptions";
import { STATE_WORDS } from "./words";

const MOST = 5;

export function BuildupPanel({ options, className }: { options: Options; className?: string | undefined }) {
  const { chain, symbol, expiry } = options;
  const formats = useFormats();
  const found = useMemo(() => (chain ? buildups(chain, MOST) : null), [chain]);
  const isEmpty = found !== null && [...found.values()].every((rows) => rows.length === 0);
  return (
    <Panel
      title="Build-up since the previous close"
      className={className ?? ""}
      height={120}
      state={
        found === null
          ? { kind: "loading" }
          : isEmpty
            ? {
                kind: "empty",
                why: "No contract's price and open interest can be compared with the day before: the source gives no previous close or no change of open interest.",
              }
            : { kind: "ready" }
      }
      {...(chain &&
        !isEmpty && {
          onCsv: () =>
            saveCsv(
              `build-up-${symbol}-${expiry}`,
              ["state", "side", "strike", "price", "change", "oi_change"],
              [...buildups(chain, chain.strikes.length * 2)].flatMap(([state, rows]) =>
                rows.map((row) => [state, row.side, row.strike, row.price, row.change, row.oi_change]),
              ),
            ),
        })}
    >
      <div className={classes.buildups}>
        {[...(found ?? [])].map(([state, rows]) => (
          <section key={state} aria-label={STATE_WORDS[state]?.short}>
            <h3>
              <span aria-hidden>{STATE_WORDS[state]?.arrow}</span> {STATE_WORDS[state]?.short}
            </h3>
            <p className="dim">{STATE_WORDS[state]?.means}</p>
            {rows.length === 0 ? (
              <p className="faint">none</p>
            ) : (
              <table className={classes.plain}>
                <caption className="sr-only">{STATE_WORDS[state]?.short}</caption>
                <thead className="sr-only">
                  <tr>
                    <th scope="col">Contract</th>
                    <th scope="col">Change of price</th>
                    <th scope="col">Change of open interest</th>
                  </tr>
                </thead>
                <tbody>
                  {rows.map((row) => (
                    <tr key={`${row.side}${row.strike}`}>
                      <td className="num">
                        {formats.number(row.strike, 2)}{" "}
                        <span className={row.side === "call" ? classes.callWord : classes.putWord}>
                          {row.side}
                        </span>
                      </td>
                      <td>
                        <ChangeText value={row.change} unit="" />
                      </td>
                      <td className="num">
                        {(row.oi_change ?? 0) > 0 ? "+" : ""}
                        {formats.compact(row.oi_change)}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            )}
          </section>
        ))}
      </div>
    </Panel>
  );
}
