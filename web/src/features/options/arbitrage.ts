/** What a fitted surface breaks, and whether quotes are there to break it. Pure. */
import type { Surface, SurfaceSlice } from "./types";

export type Butterfly = "free" | "beyond" | "broken" | "unknown";

/** A slice is broken where it has quotes, or only beyond them, where the fit goes on by itself. */
export function butterfly(slice: SurfaceSlice): Butterfly {
  if (!slice.is_fitted || slice.is_butterfly_free === null) return "unknown";
  if (slice.is_butterfly_free) return "free";
  const places = slice.points.map((one) => one.k).filter((k): k is number => k !== null);
  const at = slice.min_g_k;
  if (at === null || places.length === 0) return "broken";
  return at < Math.min(...places) || at > Math.max(...places) ? "beyond" : "broken";
}

/** In words; null where nothing is broken and every expiry is fitted. */
export function faultsOf(surface: Surface): string | null {
  const found = surface.slices.map(butterfly);
  const count = (kind: Butterfly) => found.filter((one) => one === kind).length;
  const all = surface.slices.length;
  const unfitted = surface.slices.filter((slice) => !slice.is_fitted).length;
  const crossings = `${surface.crossings || "some"} ${surface.crossings === 1 ? "crossing" : "crossings"} of expiries`;
  const words = [
    count("broken") ? `${count("broken")} of ${all} expiries have butterfly arbitrage` : "",
    count("beyond") ? `${count("beyond")} of ${all} have it beyond their quotes alone` : "",
    surface.is_calendar_free === false
      ? `${crossings} (calendar arbitrage${surface.is_free_where_quoted ? ", beyond the quotes alone" : ""})`
      : "",
    unfitted ? `${unfitted} of ${all} have too few liquid strikes for a fit` : "",
  ].filter(Boolean);
  return words.length ? `${words.join("; ")}.` : null;
}
