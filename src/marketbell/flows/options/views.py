"""The answers about option chains: numbers or None, times in ISO 8601, volatilities in percentage points."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from marketbell.core.market.instrument import Instrument
from marketbell.core.options import buildup
from marketbell.core.options.chain import Chain, Side
from marketbell.core.options.document import chain_document, moment, plain
from marketbell.core.options.expiry import CALENDARS, is_monthly, trading_date
from marketbell.core.options.history import iv_percentile, iv_rank
from marketbell.core.options.metrics import METRICS, NAMES, pain, ratio, underlying_metrics
from marketbell.core.primitives.errors import UserError
from marketbell.flows.options.desk import Found, Listed, OptionDesk
from marketbell.ports.chains import DAY_NS, ChainStore

HISTORY_DAYS = 366
"""How far back IV rank and percentile look."""
RANKED = ("atm_iv_30", "atm_iv")
"""What they are taken of: 30 days out where that is kept, else of the nearest expiry."""
_RANKS = ("iv_rank", "iv_percentile", "iv_days")
_PCR = (
    "pcr_oi", "pcr_volume", "pcr_oi_change", "call_oi", "put_oi", "call_volume", "put_volume", "call_oi_change",
    "put_oi_change",
)  # fmt: skip
_IN_LIST = ("atm_iv", "pcr_oi")


def underlyings(
    desk: OptionDesk, named: Callable[[str], Instrument], change_pct: Callable[[str], float | None]
) -> dict[str, Any]:
    """Everything that has chains, by key, with what its nearest expiry's newest chain says."""
    items = []
    for key in desk.store.underlyings():
        listed = desk.listed(key, desk.now(key))
        if not listed.expiries:
            continue
        expiry, as_of = listed.expiries[0]
        nearest = desk.store.series(key, expiry, as_of, as_of + 1, _IN_LIST)
        instrument = named(key)
        spot = nearest[0].spot if nearest else math.nan
        metrics: Mapping[str, Any] = nearest[0].metrics if nearest else {}
        items.append(
            {
                "underlying": key,
                "symbol": instrument.symbol,
                "name": instrument.name or instrument.symbol,
                "spot": _known(spot),
                "change_pct": change_pct(key),
                "as_of": moment(listed.as_of),
                "expiries": [one.isoformat() for one in listed.days],
                **{name: metrics.get(name) for name in _IN_LIST},
                "is_simulated": instrument.is_simulated,
            }
        )
    return {"items": items}


def expiries(desk: OptionDesk, underlying: str, as_of: int | None) -> dict[str, Any]:
    """The listed expiries; no items where there is no chain yet."""
    listed = desk.listed(underlying, as_of)
    calendar = CALENDARS.get(underlying.partition(":")[0], "XNSE")
    items = []
    for expiry, newest in listed.expiries:
        record = desk.store.latest(underlying, expiry, newest)
        if record is None:  # let go in between
            continue
        today = trading_date(underlying, listed.as_of if as_of is None else as_of)
        items.append(
            {
                "expiry": expiry.isoformat(),
                "expires_at": moment(record.chain.expires_at),
                "as_of": moment(newest),
                "days": (expiry - today).days,
                "is_monthly": is_monthly(expiry, listed.days, calendar),
                "strikes": len(record.chain),
            }
        )
    return {"underlying": underlying, "items": items}


def chain(found: Found) -> dict[str, Any]:
    """The whole chain of one expiry."""
    return chain_document(found.analysed) | {"is_simulated": found.record.is_simulated}


def metrics(desk: OptionDesk, underlying: str, as_of: int | None) -> dict[str, Any]:
    """Metrics of every listed expiry and over all of them, with the rank of today's volatility in its history."""
    found = [one.analysed for one in desk.all(underlying, as_of)]
    newest = max((one.chain for one in found), key=lambda chain: chain.as_of)
    everywhere = underlying_metrics(found)
    history = _volatilities(desk.store, underlying, newest.as_of)
    return {
        "underlying": underlying,
        "spot": _known(newest.spot),
        "as_of": moment(newest.as_of),
        **history,
        "all": everywhere,
        "expiries": [
            {"expiry": one.chain.expiry.isoformat(), "t_years": _known(one.t_years), "metrics": one.metrics}
            for one in found
        ],
        "fields": fields(),
    }


def fields() -> list[dict[str, str]]:
    """Every metric: its name, label, unit, text and source."""
    return [one._asdict() for one in METRICS]


def pcr(found: Found) -> dict[str, Any]:
    """Put-call ratios of one expiry with the sums that they are made of, and of each strike."""
    one = found.analysed
    calls, puts = one.chain.call.oi, one.chain.put.oi
    strikes = [
        {"strike": strike, "pcr_oi": _known(ratio(put, call)), "call_oi": _known(call), "put_oi": _known(put)}
        for strike, call, put in zip(one.chain.strikes.tolist(), calls.tolist(), puts.tolist(), strict=True)
    ]
    return _head(one.chain) | {name: one.metrics[name] for name in _PCR} | {"strikes": strikes}


def max_pain(found: Found) -> dict[str, Any]:
    """What holders would get if the underlying ended at each strike, and where that is least."""
    one = found.analysed
    calls, puts = pain(one.chain)
    rows = zip(one.chain.strikes.tolist(), (calls + puts).tolist(), calls.tolist(), puts.tolist(), strict=True)
    items = [{"strike": strike, "pain": both, "call_pain": call, "put_pain": put} for strike, both, call, put in rows]
    return _head(one.chain) | {"max_pain": one.metrics["max_pain"], "items": items}


def oi_buildup(found: Found) -> dict[str, Any]:
    """What price and open interest of each strike did together since the previous day's close."""
    one = found.analysed.chain
    call_codes, put_codes = buildup.of_chain(one)
    calls, puts = _buildup(one.call, call_codes), _buildup(one.put, put_codes)
    items = [
        {"strike": strike, "call": call, "put": put}
        for strike, call, put in zip(one.strikes.tolist(), calls, puts, strict=True)
    ]
    return _head(one) | {"oi_state": found.analysed.metrics["oi_state"], "items": items}


@dataclass(frozen=True, slots=True)
class Stretch:
    """From `start` to `end` (ns UTC, end excluded)."""

    start: int
    end: int

    @classmethod
    def of(cls, listed: Listed, start: int | None, end: int | None) -> "Stretch":
        """What is asked for; without a start the newest day (UTC), without an end up to the newest chain.

        UserError where the end lies before the start.
        """
        until = listed.as_of + 1 if end is None else end + 1
        since = start if start is not None else max(0, (until - 1) // DAY_NS * DAY_NS)
        if since >= until:
            message = "to must lie behind from"
            raise UserError(message, field="to")
        return cls(since, until)


def history(
    desk: OptionDesk, underlying: str, expiry: date | None, stretch: Stretch, names: Sequence[str], limit: int
) -> dict[str, Any]:
    """Metrics over time as they were computed when the chains came; UserError for a name that is no metric."""
    strange = [name for name in names if name not in _STORED]
    if strange:
        message = f"{strange[0]} is no metric: they are {', '.join(NAMES)}"
        raise UserError(message, field="names")
    found = desk.store.series(underlying, expiry, stretch.start, stretch.end, names, limit)
    return {
        "underlying": underlying,
        "items": [
            {
                "as_of": moment(one.as_of),
                "expiry": one.expiry.isoformat(),
                "spot": _known(one.spot),
                "metrics": {name: one.metrics.get(name) for name in names} if names else dict(one.metrics),
            }
            for one in found
        ],
    }


def times(desk: OptionDesk, underlying: str, expiry: date | None, stretch: Stretch) -> dict[str, Any]:
    """The moments that can be gone back to, rising."""
    found = desk.store.times(underlying, expiry, stretch.start, stretch.end)
    return {"underlying": underlying, "items": [moment(one) for one in found]}


_STORED = frozenset((*NAMES, *RANKED))


def _volatilities(store: ChainStore, underlying: str, as_of: int) -> dict[str, Any]:
    """Rank and percentile of the newest day's volatility among the year's, None under 20 days.

    As the engine told it with the chain, whose days may begin before the first chain that is kept here.
    """
    for told in store.series(underlying, None, as_of, as_of + 1, _RANKS):
        if told.metrics.get("iv_rank") is not None:
            return {name: told.metrics.get(name) for name in _RANKS} | {"iv_of": RANKED[0]}
    for name in RANKED:
        days = store.days(underlying, name, as_of - HISTORY_DAYS * DAY_NS, as_of + 1)
        if days:
            values = np.array([value for _, _, value in days])
            return {
                "iv_rank": _known(iv_rank(values, len(values))),
                "iv_percentile": _known(iv_percentile(values, len(values))),
                "iv_days": len(days),
                "iv_of": name,
            }
    return {"iv_rank": None, "iv_percentile": None, "iv_days": 0, "iv_of": RANKED[-1]}


def _head(chain: Chain) -> dict[str, Any]:
    return {
        "underlying": chain.underlying,
        "spot": _known(chain.spot),
        "expiry": chain.expiry.isoformat(),
        "as_of": moment(chain.as_of),
    }


def _buildup(side: Side, codes: buildup.Codes) -> list[dict[str, Any]]:
    change = plain(side.last - side.prev_close)
    columns = zip(plain(side.oi), plain(side.oi_change), plain(side.last), change, codes.tolist(), strict=True)
    return [
        {"oi": oi, "oi_change": more, "last": last, "change": moved, "state": buildup.STATES[code]}
        for oi, more, last, moved, code in columns
    ]


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
