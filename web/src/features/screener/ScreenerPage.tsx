/** Find companies by what is true of them: ready screens, one's own query, and who comes and goes. */
import { useQuery } from "@tanstack/react-query";
import { useShows } from "@/shared/prefs/prefs";
import { Panel, Skeleton, stateOf } from "@/shared/ui/Panel";
import page from "@/shared/ui/page.module.css";
import { screensQuery } from "./api";
import { HistoryPanel } from "./HistoryPanel";
import { QueryPanel } from "./QueryPanel";
import { ResultsPanel } from "./ResultsPanel";
import { ScreenCards } from "./ScreenCards";
import { useScreen } from "./useScreen";

export function ScreenerPage() {
  const screens = useQuery(screensQuery);
  const intermediate = useShows("intermediate");
  return (
    <>
      <div className={page.headline}>
        <div>
          <h1>Screener</h1>
          <p>
            {intermediate
              ? "Who meets your conditions, now or on a past day. Companies enter and leave as prices move."
              : "Choose a ready screen to see the companies that are in it now."}
          </p>
        </div>
      </div>
      {screens.data ? (
        <Screens screens={screens.data} />
      ) : screens.isPending ? (
        <Skeleton height={420} />
      ) : (
        <Panel title="Screens" state={stateOf(screens)} />
      )}
    </>
  );
}

function Screens({ screens }: { screens: Parameters<typeof ScreenCards>[0]["screens"] }) {
  const one = useScreen();
  const intermediate = useShows("intermediate");
  const advanced = useShows("advanced");
  const isKept = one.screen !== undefined && !one.isChanged;
  return (
    <div className={page.grid}>
      <div className={intermediate ? page.w3 : undefined}>
        <ScreenCards screens={screens} current={one.screen} isWordy={!intermediate} />
      </div>
      <div className={`${page.stack} ${intermediate ? page.w9 : ""}`}>
        {intermediate && <QueryPanel one={one} />}
        <ResultsPanel one={one} />
        {advanced && isKept && one.screen && <HistoryPanel screen={one.screen} />}
      </div>
    </div>
  );
}
