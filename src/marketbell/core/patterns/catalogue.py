"""What the patterns are, in words: formula, windows, thresholds with their reason, and where each comes from.

A pattern says that the data have a shape, never why: the book patterns are suspicions, and what looks like one may
be a market maker at work. Names of the numbers of its evidence stand here, in the order of the kernels' columns.
"""

from dataclasses import dataclass
from enum import StrEnum


class Basis(StrEnum):
    """What a pattern is measured on."""

    BARS = "closed one-minute bars of the session"
    BOOK = "changes of the order book by the second"


@dataclass(frozen=True, slots=True)
class Number:
    """One number of a pattern's evidence. `unit` is %, units, x (times), count or nothing."""

    name: str
    label: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One pattern. `threshold` is that of its score; `holds_s` how long it stays after the newest sign."""

    name: str
    title: str
    basis: Basis
    threshold: float
    definition: str
    reason: str
    source: str
    caution: str
    numbers: tuple[Number, ...]
    holds_s: int = 0

    @property
    def field(self) -> str:
        """Registry field that is 1, 0 or unknown."""
        return f"abnormal.{self.name}"

    @property
    def score_field(self) -> str:
        """Registry field of the score."""
        return f"abnormal.{self.name}_score"


VOLATILITY_BURST = Pattern(
    "volatility_burst",
    "Volatility burst",
    Basis.BARS,
    3.0,
    "Root mean square of the last 5 one-minute returns over that of the up to 60 returns before them (at least 30), "
    "all of this session; the lower one is at least half a price step. Abnormal from 3 on. Unknown in the first 35 "
    "minutes, so that the open is not measured against itself.",
    "Of independent normal returns one minute in a hundred million would reach 3; the heavy tails of real returns "
    "make it about one burst in two days of a large stock.",
    "A short against a long realised volatility (Andersen and Bollerslev 1998 for the measure); the windows and the "
    "threshold are ours.",
    "News and auctions move prices as suddenly as anything else.",
    (
        Number("recent", "Typical move of a minute, last 5 minutes", "%"),
        Number("usual", "Typical move of a minute before", "%"),
        Number("ratio", "Times the usual", "x"),
        Number("move", "Price change over the 5 minutes", "%"),
        Number("minutes", "Minutes compared with", "count"),
    ),
)
VOLUME_SPIKE = Pattern(
    "volume_spike",
    "Volume spike",
    Basis.BARS,
    8.0,
    "Abnormal when the field volume_spike (the last closed minute's volume in standard deviations from the same "
    "minute of earlier days, from 3 such days on, else from the last 20 minutes of the session) is at least 8, and the "
    "volume at least 5 times the mean of the up to 20 minutes of the session before it (at least 5).",
    "Volumes of a minute are so skewed that 5 deviations come eight times a day in a stock, and three days are too "
    "few for a spread of their own: the second measure keeps those out.",
    "The z-score of the registry's field; the levels are ours.",
    "A block trade, an index rebalancing or the last minutes of a session are ordinary reasons.",
    (
        Number("volume", "Volume of the minute", "units"),
        Number("before", "Mean volume of up to 20 minutes before it", "units"),
        Number("times", "Times that mean", "x"),
        Number("deviations", "Standard deviations from the usual", ""),
    ),
)
SPIKE_TIMES = 5.0
SPIKE_BEFORE = 20
SPIKE_LEAST = 5
"""The second measure of a volume spike: times the mean, of so many minutes at most and at least."""
PRICE_VOLUME_DIVERGENCE = Pattern(
    "price_volume_divergence",
    "Price moves while volume dries up",
    Basis.BARS,
    2.0,
    "Over the last 30 closed minutes: |price change| over (root mean square of the minute returns times the root of "
    "30) is the trend; the volume of the later 15 minutes over that of the earlier 15 the support. Abnormal when the "
    "trend is at least 2 and the support at most 0.5; the score is the trend where the support is that low, else 0. "
    "Unknown in the first 60 minutes of a session, whose volume always falls, and without volume.",
    "A trend of 2 is a move that steps of this size make by chance one time in twenty; half the volume is more than "
    "the usual wave of a day within half an hour.",
    "The old rule that volume must confirm the trend (Dow theory), in numbers of ours.",
    "Quiet lunch hours and holidays elsewhere do this too.",
    (
        Number("move", "Price change over 30 minutes", "%"),
        Number("trend", "Times what steps of this size make by chance", "x"),
        Number("earlier", "Volume of the earlier 15 minutes", "units"),
        Number("later", "Volume of the later 15 minutes", "units"),
        Number("support", "Later over earlier volume", "x"),
    ),
)
PUMP_AND_DUMP = Pattern(
    "pump_and_dump",
    "Pump-and-dump shape",
    Basis.BARS,
    1.0,
    "Closed minutes of the session: the peak is the highest close of the last 30 minutes, the low the lowest of the "
    "30 minutes before the peak, the base the 20 to 30 minutes before the low. Abnormal when the rise from low to "
    "peak is at least 5 % and at least 6 times what steps as in the base make by chance in that time, the volume a "
    "minute of the rise at least 3 times that of the base, and at least 60 % of the rise is gone again. The score is "
    "the least of the four over its threshold. Unknown in the first 50 minutes and without volume.",
    "All of it must come together: a fast rise alone is news, and a fall alone is a sale.",
    "After Kamps and Kleinberg (2018), To the moon: defining and detecting cryptocurrency pump-and-dumps, who join a "
    "breakout of price with one of volume and look for the fall behind them; windows of minutes and levels are ours.",
    "The shape says nothing about intent; rumours that are denied leave the same one.",
    (
        Number("rise", "Rise from the low to the peak", "%"),
        Number("chance", "Times what the base's steps make by chance", "x"),
        Number("volume_ratio", "Volume a minute of the rise over that of the base", "x"),
        Number("given_back", "Share of the rise that is gone", "%"),
        Number("rise_minutes", "Minutes from low to peak", "count"),
        Number("fall_minutes", "Minutes since the peak", "count"),
    ),
)
QUOTE_STUFFING = Pattern(
    "quote_stuffing",
    "Quote stuffing suspicion",
    Basis.BOOK,
    6.0,
    "Of one second: changes of levels within 1 % of the best price, in standard deviations (at least 1) from the "
    "mean of the 30 to 60 seconds before. Suspected when that is at least 6, there are at least 100 changes, size "
    "added and size taken away differ by at most 20 % of their larger one, and trades are at most 2 % of the "
    "changes. Holds for 60 s. Unknown in the first 30 s of a book and while its updates are missing.",
    "Many orders that are withdrawn at once leave as much as they brought, and trade nothing.",
    "Egginton, Van Ness and Van Ness (2016), Quote Stuffing, for bursts of quoting against their usual count; the "
    "window of a second and the levels are ours, as a recording of minutes has no days to compare with.",
    "A fast market makes everybody change quotes: read it together with price and trades.",
    (
        Number("changes", "Changes of levels in the second", "count"),
        Number("usual", "Mean of the seconds before", "count"),
        Number("deviations", "Standard deviations above it", ""),
        Number("added", "Size added", "units"),
        Number("removed", "Size taken away", "units"),
        Number("trades", "Trades in the second", "count"),
    ),
    holds_s=60,
)
LAYERING = Pattern(
    "layering",
    "Layering or spoofing suspicion",
    Basis.BOOK,
    5.0,
    "Of one side of the book, levels behind the best price and within 0.25 % of it: size added in 5 s over the mean "
    "of 5 s in the minute before is the score. Suspected when it is at least 5, made of at least 3 additions, at "
    "least 80 % of it is taken away in the 5 s after, the other side got at most half as much, and at most 10 % of "
    "it was traded in the 10 s. Holds for 60 s. Unknown in the first 70 s of a book and while its updates are "
    "missing.",
    "Orders at several prices behind the best that vanish together without trading are what the rule describes.",
    "Commission Delegated Regulation (EU) 2016/522, Annex II, Section 1, 5 (e): multiple or large orders, often away "
    "from the touch on one side, removed once the purpose is reached; the numbers are ours.",
    "The book does not say whose orders they were: many people may have done this together by chance.",
    (
        Number("side", "Side: 0 bid, 1 ask", ""),
        Number("placed", "Size added behind the best price in 5 s", "units"),
        Number("usual", "Mean of 5 s in the minute before", "units"),
        Number("pulled", "Size taken away in the next 5 s", "units"),
        Number("other", "Size added on the other side", "units"),
        Number("traded", "Size traded in the 10 s", "units"),
        Number("additions", "Additions that it was made of", "count"),
    ),
    holds_s=60,
)

PATTERNS: tuple[Pattern, ...] = (
    VOLATILITY_BURST,
    VOLUME_SPIKE,
    PRICE_VOLUME_DIVERGENCE,
    PUMP_AND_DUMP,
    QUOTE_STUFFING,
    LAYERING,
)
BY_NAME = {pattern.name: pattern for pattern in PATTERNS}
NUMBERS = max(len(pattern.numbers) for pattern in PATTERNS)
"""Most numbers that a pattern's evidence has."""
STALE_S = 600
"""Market time after which what the last closed minute said is not known any more, seconds."""
BARS_KEPT = 90
"""Closed minutes of a session that the bar patterns look at."""
