/** Every state of a panel, and the small parts, side by side: what one changes here shows everywhere. */
import { Button } from "@mantine/core";
import { ApiError } from "@/shared/api/client";
import { useFormats } from "@/shared/format/use";
import { Panel, type PanelState } from "@/shared/ui/Panel";
import page from "@/shared/ui/page.module.css";
import { ChangeText, Missing, RangeBar, Sparkline } from "@/shared/ui/values";
import classes from "./DevUiPage.module.css";

const WAVE = Array.from({ length: 60 }, (_, index) => 100 + Math.sin(index / 6) * 4 + index / 12);

export function panelStates(): [string, PanelState][] {
  const failure = new ApiError(
    503,
    "unavailable",
    "The store of bars does not answer.",
    {},
    "b3f1c9a27d5e4410",
  );
  return [
    ["Ready", { kind: "ready" }],
    ["First load", { kind: "loading" }],
    ["Refresh", { kind: "refreshing" }],
    [
      "Empty",
      {
        kind: "empty",
        why: "No alerts yet. Create one from a chart.",
        action: (
          <Button size="xs" variant="default">
            Open a chart
          </Button>
        ),
      },
    ],
    ["Partial", { kind: "partial", note: "3 of 50 rows without fundamentals: source X" }],
    ["Delayed", { kind: "delayed", minutes: 15 }],
    ["Stale", { kind: "stale", seconds: 42 }],
    ["Market closed", { kind: "closed", opens: "Mon 09:15 IST" }],
    [
      "Error",
      { kind: "error", error: failure, works: "Live prices still arrive.", retry: () => {}, retryInS: 15 },
    ],
    ["No right", { kind: "forbidden", who: "The owner" }],
    ["Offline", { kind: "offline" }],
  ];
}

export function DevUiPage() {
  const formats = useFormats();
  return (
    <>
      <div className={page.headline}>
        <div>
          <h1>Parts and states</h1>
          <p>Each panel of Marketbell can be in each of these states. The values on this page are samples.</p>
        </div>
      </div>
      <aside className={classes.stripes}>
        <strong>REPLAY</strong> The banner that stands over recorded or simulated prices.
      </aside>
      <div className={page.grid}>
        {panelStates().map(([name, state]) => (
          <Panel
            key={name}
            title={name}
            className={page.w4}
            source="sample"
            state={state}
            height={120}
            onRefresh={() => {}}
          >
            <p className={classes.sample}>
              <span className={classes.big}>{formats.price("1490.55", "0.05")}</span>{" "}
              <ChangeText value="1.24" />
            </p>
            <RangeBar label="Day's range" low="1471.20" high="1502.90" value="1490.55" tick="0.05" showEnds />
          </Panel>
        ))}
        <Panel title="Numbers" className={page.w6}>
          <ul className={classes.list}>
            <li>
              <ChangeText value={2.5} /> <ChangeText value={-2.5} /> <ChangeText value={0} />{" "}
              <Missing why="Needs twenty one-minute bars first" />
            </li>
            <li className="num">
              {formats.count("123456789")} · {formats.compact("123456789")} · {formats.money("987654321012")}{" "}
              · {formats.price("-0.05", "0.05")}
            </li>
            <li className="num">{formats.full("2021-04-28T03:45:03Z")}</li>
          </ul>
        </Panel>
        <Panel title="Lines and buttons" className={page.w6}>
          <Sparkline points={WAVE} base={100} width={260} height={56} />
          <p className={classes.buttons}>
            <Button>Arm the alert</Button>
            <Button variant="default">Cancel</Button>
            <Button variant="subtle">More</Button>
            <Button disabled>Not now</Button>
          </p>
        </Panel>
      </div>
    </>
  );
}
