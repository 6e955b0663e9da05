/** What lies below the chain: open interest, trends, and in the advanced mode volatility in strike and time. */
import { lazy, Suspense } from "react";
import { useShows } from "@/shared/prefs/prefs";
import { Skeleton } from "@/shared/ui/Panel";
import page from "@/shared/ui/page.module.css";
import { BuildupPanel } from "./BuildupPanel";
import { OiPanel } from "./OiPanel";
import { TrendsPanel } from "./TrendsPanel";
import type { Options } from "./useOptions";

const Volatility = lazy(() => import("./Volatility").then((module) => ({ default: module.Volatility })));

export function Studies({ options }: { options: Options }) {
  const advanced = useShows("advanced");
  return (
    <div className={page.grid}>
      <OiPanel options={options} className={page.w7} />
      <TrendsPanel options={options} className={page.w5} />
      {advanced && (
        <Suspense fallback={<Skeleton height={360} />}>
          <Volatility options={options} />
        </Suspense>
      )}
      <BuildupPanel options={options} />
    </div>
  );
}
