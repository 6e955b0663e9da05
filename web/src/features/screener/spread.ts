/** Which part of a bin lies between two limits; null is no limit. Pure. */
export function share(bin: { from: number; to: number }, low: number | null, high: number | null): number {
  const from = Math.max(bin.from, low ?? Number.NEGATIVE_INFINITY);
  const to = Math.min(bin.to, high ?? Number.POSITIVE_INFINITY);
  if (low === null && high === null) return 0;
  if (bin.to === bin.from) return from <= bin.from && bin.from <= to ? 1 : 0;
  return Math.max(0, Math.min(1, (to - from) / (bin.to - bin.from)));
}
