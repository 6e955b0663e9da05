"""Analysed chains as plain values: the answer of `options analyze` (definitions.md §5.1) and of the API.

Unknown is None, never NaN. Volatilities are in percentage points, theta a calendar day, vega and rho a point, delta
and gamma to the spot, rates a fraction a year. Times are ISO 8601 in UTC.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from marketbell.core.options import buildup
from marketbell.core.options.analysis import Analysed
from marketbell.core.options.chain import Floats, Side
from marketbell.core.options.expiry import UNKNOWN
from marketbell.core.options.metrics import has_quotes, liquid
from marketbell.core.options.model import Status
from marketbell.core.options.pricing import Priced

_STATUS = tuple(one.name.lower() for one in Status)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_GREEKS = ("delta", "gamma", "theta", "vega", "rho")
_HIGHER = ("vanna", "volga", "charm")
_IN_ANALYZE = ("pcr_oi", "pcr_volume", "max_pain", "atm_strike", "atm_straddle", "atm_iv")


def moment(nanoseconds: int) -> str | None:
    """A time in ns UTC as ISO 8601 with as many decimals as it needs (to the microsecond); None for 0."""
    if not nanoseconds:
        return None
    text = (_EPOCH + timedelta(microseconds=nanoseconds // 1_000)).isoformat().removesuffix("+00:00")
    return (text.rstrip("0") if "." in text else text) + "Z"


def plain(values: Floats) -> list[float | None]:
    """Numbers of an array, None for NaN and infinity."""
    known = np.isfinite(values)
    found: list[float | None] = values.tolist()
    return found if known.all() else [one if ok else None for one, ok in zip(found, known.tolist(), strict=True)]


def analyze_document(chains: Sequence[Analysed]) -> dict[str, Any]:
    """Exactly the answer of definitions.md §5.1: one entry an (expiry, as_of), in the order of time.

    The top's `spot` and `as_of` are the newest chain's. Where the chains are of several underlyings, the top's
    `underlying` and `spot` are None and each entry bears its own.
    """
    ordered = sorted(chains, key=lambda one: (one.chain.as_of, one.chain.underlying, one.chain.expiry))
    names = {one.chain.underlying for one in ordered}
    newest = ordered[-1].chain if ordered else None
    is_one = len(names) == 1
    return {
        "underlying": newest.underlying if newest and is_one else None,
        "spot": _one(newest.spot) if newest and is_one else None,
        "as_of": moment(newest.as_of) if newest else None,
        "model": ordered[0].settings.model.value if ordered else None,
        "expiries": [_expiry(one, names_itself=not is_one) for one in ordered],
    }


def chain_document(analysed: Analysed, now: int | None = None) -> dict[str, Any]:
    """The API's chain: everything of one expiry at one moment, by strike.

    `now` (ns UTC, the capture where None) is what a quote's age is counted to.
    """
    chain, metrics = analysed.chain, analysed.metrics
    until = chain.as_of if now is None else now
    is_quoted = has_quotes(chain)
    call_states, put_states = buildup.of_chain(chain)
    calls = _contracts(chain.call, analysed.call, call_states, until, is_quoted=is_quoted)
    puts = _contracts(chain.put, analysed.put, put_states, until, is_quoted=is_quoted)
    smile = plain(analysed.iv * 100)
    return {
        "underlying": chain.underlying,
        "symbol": chain.underlying.partition(":")[2],
        "spot": _one(chain.spot),
        "expiry": _day(chain.expiry),
        "expires_at": moment(chain.expires_at),
        "as_of": moment(chain.as_of),
        "model": analysed.settings.model.value,
        "rate": analysed.settings.rate_used,
        "forward": _one(analysed.forward),
        "forward_source": analysed.forward_source,
        "t_years": _one(analysed.t_years),
        "lot_size": _one(chain.lot_size),
        "source": chain.source,
        "atm_strike": metrics["atm_strike"],
        "metrics": dict(metrics),
        "flags": list(chain.flags),
        "strikes": [
            {"strike": strike, "iv": iv, "call": call, "put": put}
            for strike, iv, call, put in zip(chain.strikes.tolist(), smile, calls, puts, strict=True)
        ],
    }


def _expiry(analysed: Analysed, *, names_itself: bool) -> dict[str, Any]:
    chain = analysed.chain
    own = {"underlying": chain.underlying, "spot": _one(chain.spot)} if names_itself else {}
    calls, puts = _analyzed(chain.call, analysed.call), _analyzed(chain.put, analysed.put)
    return {
        **own,
        "expiry": _day(chain.expiry),
        "as_of": moment(chain.as_of),
        **{name: analysed.metrics[name] for name in _IN_ANALYZE},
        "forward": _one(analysed.forward),
        "rate": analysed.settings.rate_used,
        "t_years": _one(analysed.t_years),
        "strikes": [
            {"strike": strike, "call": call, "put": put}
            for strike, call, put in zip(chain.strikes.tolist(), calls, puts, strict=True)
        ],
    }


def _analyzed(side: Side, priced: Priced) -> list[dict[str, Any]]:
    columns: dict[str, list[Any]] = {
        "price": plain(priced.price),
        "iv": plain(priced.iv * 100),
        **{name: plain(getattr(priced, name)) for name in _GREEKS},
        "oi": plain(side.oi),
        "volume": plain(side.volume),
        "status": [_STATUS[one] for one in priced.status.tolist()],
    }
    return _rows(columns)


def _contracts(
    side: Side, priced: Priced, states: buildup.Codes, until: int, *, is_quoted: bool
) -> list[dict[str, Any]]:
    ages = np.where(side.quote_time > 0, (until - side.quote_time) / 1e9, np.nan)
    columns: dict[str, list[Any]] = {
        "price": plain(priced.price),
        **{name: plain(getattr(side, name)) for name in ("last", "bid", "ask", "volume", "oi", "oi_change")},
        "prev_close": plain(side.prev_close),
        "change": plain(side.last - side.prev_close),
        "iv": plain(priced.iv * 100),
        **{name: plain(getattr(priced, name)) for name in (*_GREEKS, *_HIGHER)},
        "status": [_STATUS[one] for one in priced.status.tolist()],
        "state": [buildup.STATES[one] for one in states.tolist()],
        "is_liquid": liquid(side, is_quoted=is_quoted).tolist(),
        "quote_age_s": plain(np.maximum(ages, 0.0)),
    }
    return _rows(columns)


def _rows(columns: dict[str, list[Any]]) -> list[dict[str, Any]]:
    names = tuple(columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _day(expiry: date) -> str | None:
    return None if expiry == UNKNOWN else expiry.isoformat()


def _one(number: float) -> float | None:
    return float(number) if np.isfinite(number) else None
