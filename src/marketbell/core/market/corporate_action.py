"""Corporate actions: what an exchange's announcement says, and bars before the ex-date made comparable.

A split or bonus multiplies the shares and divides the price; without adjustment it looks like a crash. A
price before the ex-date is divided by the ratio of shares after to shares before, a volume multiplied.
Rights are adjusted by the theoretical ex-rights price; dividends only on demand (total return).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PRICES = ("open", "high", "low", "close", "vwap")


class ActionKind(StrEnum):
    """What happens on the ex-date. `other` (buy-backs, interest, schemes) changes no price here."""

    SPLIT = "split"
    BONUS = "bonus"
    RIGHTS = "rights"
    DIVIDEND = "dividend"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class CorporateAction:
    """One action of one instrument. `ex_date`: the first trading date without the right, days since 1970.

    `ratio` is shares after per share before (split 10 to 1: 10, bonus 2:1: 3, consolidation 1 to 10: 0.1;
    rights 6:7: 13/7); `amount` is cash a share, for rights the issue price of a new one.
    """

    ex_date: int
    kind: ActionKind
    ratio: float = 1.0
    amount: float = 0.0
    text: str = ""

    @property
    def is_share_change(self) -> bool:
        """True for splits and bonuses: the ratio alone says how prices change."""
        return self.kind in {ActionKind.SPLIT, ActionKind.BONUS} and self.ratio != 1


_MONEY = r"r[se]\.?\s*(\d+(?:\.\d+)?)"
_SPLIT = re.compile(rf"(?:split|sub-?division|consolidation).*?from\s+{_MONEY}.*?to\s+{_MONEY}", re.IGNORECASE)
_BONUS = re.compile(r"bonus(?:\s+issue)?(?:\s*-)?\s+(\d+)\s*:\s*(\d+)", re.IGNORECASE)
_RIGHTS = re.compile(rf"rights(?:\s+issue)?\s+(\d+)\s*:\s*(\d+)(?:\s*@\s*premium\s+{_MONEY})?", re.IGNORECASE)
_DIVIDEND = re.compile(rf"dividend[^&]*?{_MONEY}\s*/?-?\s*per", re.IGNORECASE)
_DISTRIBUTION = re.compile(rf"distribution[^&]*?{_MONEY}\s*per\s+unit", re.IGNORECASE)


def parse_purpose(text: str, ex_date: int, face_value: float = 0.0) -> list[CorporateAction]:
    """The actions that NSE's free text of a purpose announces; one of kind `other` where it names none known.

    `Bonus 2:1` gives two new shares for one held. `Rights 6:7 @ Premium Rs 105/-` offers six new ones for
    seven held at the face value plus the premium. Bonuses of other securities (NCRPS) are not shares.
    Several dividends in one text are one sum.
    """
    found: list[CorporateAction] = []
    for old, new in _SPLIT.findall(text):
        if float(new) > 0:
            found.append(CorporateAction(ex_date, ActionKind.SPLIT, float(old) / float(new), text=text))
    for new, held in _BONUS.findall(text):
        if int(held) > 0:
            found.append(CorporateAction(ex_date, ActionKind.BONUS, (int(new) + int(held)) / int(held), text=text))
    for new, held, premium in _RIGHTS.findall(text):
        if int(held) > 0:
            price = face_value + float(premium or 0)
            ratio = (int(new) + int(held)) / int(held)
            found.append(CorporateAction(ex_date, ActionKind.RIGHTS, ratio, price, text))
    cash = [float(amount) for amount in _DIVIDEND.findall(text)] or [float(a) for a in _DISTRIBUTION.findall(text)[:1]]
    if cash:
        found.append(CorporateAction(ex_date, ActionKind.DIVIDEND, amount=sum(cash), text=text))
    return found or [CorporateAction(ex_date, ActionKind.OTHER, text=text)]


def factors(
    dates: Ints, close: Floats, actions: Sequence[CorporateAction], *, with_dividends: bool = False
) -> tuple[Floats, Floats]:
    """What to divide each bar's prices by, and to multiply its volume by, to compare it with the newest bar.

    `dates` (days since 1970, ascending) and `close` are of one instrument, as traded. An action counts for
    the bars before its ex-date, once a bar stands at or after it: before that day nothing has happened yet.
    Rights and dividends need the last known close before the ex-date; without one they change nothing.
    """
    price, volume = np.ones(len(dates)), np.ones(len(dates))
    for action in sorted(actions, key=lambda one: one.ex_date):
        cut = int(np.searchsorted(dates, action.ex_date))
        if not 0 < cut < len(dates):
            continue
        known = np.flatnonzero(np.isfinite(close[:cut]) & (close[:cut] > 0))
        cum = float(close[known[-1]]) if len(known) else 0.0
        if action.is_share_change:
            price[:cut] *= action.ratio
            volume[:cut] *= action.ratio
        elif action.kind is ActionKind.RIGHTS and cum > action.amount:
            # Theoretical ex-rights price: the old shares' worth and the new money, over all shares.
            step = cum * action.ratio / (cum + (action.ratio - 1) * action.amount)
            price[:cut] *= step
            volume[:cut] *= step
        elif action.kind is ActionKind.DIVIDEND and with_dividends and cum > action.amount:
            price[:cut] *= cum / (cum - action.amount)
    return price, volume


def adjust(
    dates: Ints,
    bars: Mapping[str, Floats],
    actions: Sequence[CorporateAction],
    *,
    with_dividends: bool = False,
) -> dict[str, Floats]:
    """Bars of one instrument with everything before the ex-dates made comparable with the newest bar.

    `bars` has `close` and any of open, high, low, vwap, prev_close, volume; other columns stay as they are.
    A `prev_close` that is the close before as it was traded is adjusted like that bar, one that the source
    adjusted itself like its own.
    The input is not changed. An indicator that is seeded anew from these bars has no jump at the ex-date.
    """
    price, volume = factors(dates, bars["close"], actions, with_dividends=with_dividends)
    adjusted = {name: np.array(column) for name, column in bars.items()}
    for name in PRICES:
        if name in bars:
            adjusted[name] = bars[name] / price
    if "prev_close" in bars:
        before, of_before = np.roll(bars["close"], 1), np.roll(price, 1)
        as_traded = (bars["prev_close"] == before) & (np.arange(len(dates)) > 0)
        adjusted["prev_close"] = bars["prev_close"] / np.where(as_traded, of_before, price)
    if "volume" in bars:
        adjusted["volume"] = bars["volume"] * volume
    return adjusted


def explains(dates: Ints, actions: Sequence[CorporateAction]) -> NDArray[np.bool_]:
    """Bars of one instrument at which an action explains a jump: the first at or after an ex-date."""
    mask = np.zeros(len(dates), np.bool_)
    for action in actions:
        at = int(np.searchsorted(dates, action.ex_date))
        if at < len(dates) and action.kind is not ActionKind.OTHER:
            mask[at] = True
    return mask
