/** The kinds of quality events in words a person understands. */

interface Words {
  title: string;
  means: string;
  action: string;
}

const KINDS: Record<string, Words> = {
  epoch_timestamp: {
    title: "No real time",
    means: "Stamped before 2000, mostly 1970-01-01.",
    action: "dropped",
  },
  bad_price: { title: "Bad price", means: "Zero, negative or not a number.", action: "dropped" },
  future_timestamp: { title: "From the future", means: "Ahead of the clock.", action: "dropped" },
  out_of_session: {
    title: "Out of session",
    means: "Outside the exchange's hours of that day.",
    action: "counted only",
  },
  duplicate: { title: "Duplicate", means: "Repeats a tick of the last two seconds.", action: "dropped" },
  late: {
    title: "Late",
    means: "More than two seconds behind the newest tick.",
    action: "dropped, recorded",
  },
  out_of_order: { title: "Out of order", means: "Behind by at most two seconds.", action: "kept in its bar" },
  volume_regression: {
    title: "Volume fell",
    means: "The day's volume went backwards.",
    action: "size 0, kept",
  },
  stale_day: { title: "Stale day", means: "A daily row that repeats the row before.", action: "dropped" },
  bad_bar: { title: "Bad bar", means: "High or low did not contain the other prices.", action: "repaired" },
  unit_mismatch: {
    title: "Unit mismatch",
    means: "Contracts where units are expected, or the reverse.",
    action: "normalised",
  },
  suspect_split: {
    title: "Perhaps a split",
    means: "An overnight jump near a small ratio, no corporate action known.",
    action: "kept, flagged",
  },
  volume_start_unknown: {
    title: "Volume's start unknown",
    means: "The first tick came long after the open.",
    action: "size 0, kept",
  },
  book_gap: {
    title: "Order book gap",
    means: "Changes of an order book are missing: its levels are unknown until the next snapshot.",
    action: "waits for a snapshot",
  },
  gap: { title: "Gap", means: "Frames of the feed are missing.", action: "shown" },
};

export function kindWords(kind: string): Words {
  return KINDS[kind] ?? { title: kind.replaceAll("_", " "), means: "", action: "counted" };
}
