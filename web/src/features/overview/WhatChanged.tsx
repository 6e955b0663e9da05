/** The market in one sentence, made of the numbers below it. */
import { percent } from "@/shared/format/numbers";
import { useBreadth, useSectors } from "@/shared/live/market";
import { usePrefs } from "@/shared/prefs/prefs";

export function WhatChanged() {
  const breadth = useBreadth();
  const sectors = useSectors();
  const locale = usePrefs((prefs) => prefs.numbers);
  if (!breadth) return <p>Waiting for the first prices…</p>;
  const known = breadth.advances + breadth.declines + breadth.unchanged;
  if (known === 0) return <p>No instrument has a change yet. It appears with the first trades.</p>;
  const ranked = (sectors ?? [])
    .filter((row) => row.change_pct !== null && row.sector)
    .sort((a, b) => Number(b.change_pct) - Number(a.change_pct));
  const best = ranked[0];
  const worst = ranked[ranked.length - 1];
  const lead =
    breadth.advances === breadth.declines
      ? `As many rise as fall: ${breadth.advances} of ${known}`
      : breadth.advances > breadth.declines
        ? `${breadth.advances} of ${known} rise`
        : `${breadth.declines} of ${known} fall`;
  return (
    <p className="num" style={{ whiteSpace: "normal" }}>
      {lead}.
      {best && worst && best !== worst && (
        <>
          {" "}
          {best.sector} does best ({percent(best.change_pct, locale)}), {worst.sector} does worst (
          {percent(worst.change_pct, locale)}).
        </>
      )}
    </p>
  );
}
