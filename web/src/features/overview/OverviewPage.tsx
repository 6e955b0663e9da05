/** The market at a glance. */

import { useJoin } from "@/shared/live/hooks";
import { usePrefs, useShows } from "@/shared/prefs/prefs";
import page from "@/shared/ui/page.module.css";
import { BreadthPanel } from "./BreadthPanel";
import { HeatMapPanel } from "./HeatMapPanel";
import { IndexCards } from "./IndexCards";
import { ListPanel } from "./ListPanel";
import { SectorPanel } from "./SectorPanel";
import { WhatChanged } from "./WhatChanged";

export function OverviewPage() {
  const intermediate = useShows("intermediate");
  const advanced = useShows("advanced");
  const mode = usePrefs((prefs) => prefs.mode);
  useJoin("universe");
  return (
    <>
      <div className={page.headline}>
        <div>
          <h1>Overview</h1>
          <WhatChanged />
        </div>
      </div>
      <div className={page.grid} data-mode={mode}>
        <IndexCards />
        <HeatMapPanel className={page.w8} />
        <div className={`${page.stack} ${page.w4}`}>
          <BreadthPanel />
          {intermediate && <SectorPanel />}
          {!intermediate && <ListPanel name="top-gainers" rows={10} />}
        </div>
        {!intermediate && (
          <>
            <ListPanel name="top-losers" rows={5} className={page.w6} />
            <ListPanel name="most-active" rows={5} className={page.w6} />
          </>
        )}
        {intermediate && (
          <>
            <ListPanel name="top-gainers" rows={8} className={page.w4} />
            <ListPanel name="top-losers" rows={8} className={page.w4} />
            <ListPanel name="most-active" rows={8} className={page.w4} />
            <ListPanel name="52-week-high" rows={6} className={page.w4} />
            <ListPanel name="52-week-low" rows={6} className={page.w4} />
            <ListPanel name="unusual-volume" rows={6} className={page.w4} />
            <ListPanel name="undervalued" rows={8} className={advanced ? page.w6 : undefined} />
            {advanced && <ListPanel name="volatile" rows={8} className={page.w6} />}
          </>
        )}
      </div>
    </>
  );
}
