"""Fields beside the columns of a row: options, futures, news, the paper account, the economy.

They have names, types and meanings like every other field, and are judged like them. Options and futures are live where
chains come in (core/engine/chains.py); the others may be named before the engine provides them, and are unknown.
Many have settings: `opt.pcr_oi(expiry: "nearest")`. Their values are told apart by the *canonical* name: every setting
with its name, the defaults too, so that equal questions are one.
"""

from dataclasses import replace

from marketbell.core.language.fields import Cadence, Field, FieldType, Setting, resolve

_P, _N, _PCT, _M, _C = FieldType.PRICE, FieldType.NUMBER, FieldType.PERCENT, FieldType.MONEY, FieldType.COUNT
_CHAIN, _TICK, _DAY, _NEWS = Cadence.CHAIN, Cadence.TICK, Cadence.DAILY, Cadence.NEWS

OI_STATES = ("", "long_buildup", "short_buildup", "long_unwinding", "short_covering")
PHASES = ("", "closed", "pre_open", "open")
EXPIRIES = ("nearest", "next", "monthly")
EVENTS = (
    "results", "dividend", "split", "bonus", "buyback", "merger", "rating", "management", "order", "regulation",
)  # fmt: skip

_EXPIRY = Setting("expiry", "text", '"nearest"', EXPIRIES)
_DAYS = Setting("days", "period", "252")
_EVENT = Setting("event", "text", None, EVENTS)
_WITHIN = Setting("within", "duration", "1d")


def _opt(
    name: str, kind: FieldType, label: str, text: str, *settings: Setting, unit: str = "", members: tuple[str, ...] = ()
) -> Field:
    return Field(
        f"opt.{name}", kind, _CHAIN, label, text, unit=unit, source="option chain", members=members,
        settings=(*settings, _EXPIRY),
    )  # fmt: skip


def _ranked(name: str, label: str, text: str) -> Field:
    return Field(f"opt.{name}", _PCT, _CHAIN, label, text, source="option chain", settings=(_DAYS,))


def _fut(name: str, kind: FieldType, label: str, text: str) -> Field:
    return Field(f"fut.{name}", kind, _CHAIN, label, text, source="futures")


def _of(source: str, cadence: Cadence, name: str, kind: FieldType, label: str, text: str, *settings: Setting) -> Field:
    unit = "currency" if kind is FieldType.MONEY else ""
    return Field(name, kind, cadence, label, text, unit=unit, source=source, settings=settings, is_live=False)


DECLARED: tuple[Field, ...] = (
    _of("feed", _TICK, "oi", _C, "Open interest", "Contracts outstanding, in units of the underlying."),
    _opt("atm_iv", _PCT, "ATM IV", "Implied volatility at the money.", unit="% a year"),
    _ranked("iv_rank", "IV rank", "ATM IV 30 days out between its lowest (0) and highest (100) of so many days."),
    _ranked("iv_percentile", "IV percentile", "Share of so many days with a lower ATM IV 30 days out."),
    _opt("pcr_oi", _N, "PCR (OI)", "Open interest of puts over that of calls."),
    _opt("pcr_volume", _N, "PCR (volume)", "Volume of puts over that of calls."),
    _opt("max_pain", _P, "Max pain", "The strike at which the writers of all options would pay least."),
    _opt(
        "skew", _PCT, "Skew", "IV of the put less IV of the call with that delta, in hundredths (25).",
        Setting("delta", "number", "25", least=1.0, most=99.0), unit="% a year",
    ),
    _opt("term_slope", _PCT, "Term slope", "ATM IV of the next expiry less that of this one.", unit="% a year"),
    _opt(
        "oi_state", FieldType.ENUM, "OI state",
        "What price and open interest did together: long_buildup (both up), short_buildup (price down, OI up), "
        "long_unwinding (both down), short_covering (price up, OI down).",
        members=OI_STATES,
    ),
    _opt("max_call_oi_strike", _P, "Call wall", "The strike with the largest open interest of calls."),
    _opt("max_put_oi_strike", _P, "Put wall", "The strike with the largest open interest of puts."),
    _opt("call_oi", _C, "Call OI", "Open interest of all calls."),
    _opt("put_oi", _C, "Put OI", "Open interest of all puts."),
    _opt("gex", _M, "GEX", "Gamma exposure of all open contracts for one per cent of the underlying.", unit="currency"),
    _opt(
        "expected_move", _P, "Expected move",
        "One standard deviation until the expiry: spot times ATM IV times the root of the time.",
    ),
    _of(
        "fundamentals", _TICK, "fund.sector_pe", _N, "Sector P/E",
        "Median P/E of the instrument's sector, with three known ones or more. Known in screens.",
    ),
    _fut("oi", _C, "Futures OI", "Open interest of the near future, in units of the underlying."),
    _fut("price", _P, "Future", "Last price of the near future."),
    _fut("basis", _P, "Basis", "Near future less the underlying's own price."),
    _of("news", _NEWS, "news.count", _C, "News", "Articles about the instrument in that time.", _WITHIN),
    _of("news", _NEWS, "news.sentiment", _N, "Sentiment", "Mean sentiment of the articles, -1 to 1.", _WITHIN),
    _of("news", _NEWS, "news.event", FieldType.BOOL, "Event", "An article about such an event came in.", _EVENT),
    _of("calendar", _DAY, "days_to", _C, "Days to", "Calendar days until the next event of that kind.", _EVENT),
    _of("economy", _DAY, "macro.policy_rate", _PCT, "Policy rate", "The central bank's rate."),
    _of("economy", _DAY, "macro.inflation", _PCT, "Inflation", "Consumer prices against a year before."),
    _of("economy", _DAY, "macro.gdp_growth", _PCT, "GDP growth", "Real output against a year before."),
    _of("economy", _DAY, "macro.bond_10y", _PCT, "10y bond", "Yield of the government's ten-year bond."),
    _of("economy", _DAY, "macro.usd_inr", _N, "USD/INR", "The central bank's reference rate."),
    replace(
        _of("calendar", _TICK, "mkt.phase", FieldType.ENUM, "Market phase", "closed, pre_open or open."),
        members=PHASES,
    ),
    _of("calendar", _TICK, "mkt.session", FieldType.BOOL, "Session", "The instrument's market has its session."),
    _of("market", _TICK, "mkt.breadth", _PCT, "Breadth", "Share of the market that is up today."),
    _of("paper account", _TICK, "pos.quantity", _N, "Position", "Units held, below zero when short."),
    _of("paper account", _TICK, "pos.average_price", _P, "Average price", "What the position cost a unit."),
    _of("paper account", _TICK, "pos.value", _M, "Position value", "Quantity times last price."),
    _of("paper account", _TICK, "pos.pnl", _M, "P&L", "Profit and loss of the position."),
    _of("paper account", _TICK, "pos.pnl_pct", _PCT, "P&L %", "Profit and loss against the position's cost."),
    _of("paper account", _TICK, "acct.equity", _M, "Equity", "Cash and positions of the account."),
    _of("paper account", _TICK, "acct.cash", _M, "Cash", "Cash of the account."),
    _of("paper account", _TICK, "acct.pnl", _M, "Account P&L", "Profit and loss of the account."),
    _of("paper account", _TICK, "acct.pnl_pct", _PCT, "Account P&L %", "Profit and loss against what was paid in."),
    _of("paper account", _TICK, "acct.drawdown_pct", _PCT, "Drawdown", "Equity against its highest."),
    _of("paper account", _TICK, "acct.delta_net", _N, "Net delta", "Sum of the deltas of all positions."),
    _of("feed", _TICK, "src.quality", _PCT, "Quality", "Share of the session's ticks that were accepted."),
)  # fmt: skip

_BY_NAME = {one.name: one for one in DECLARED}
_PREVIOUS = {
    "prev_day.open": (_P, "Previous open", "First price of the session before."),
    "prev_day.high": (_P, "Previous high", "Highest price of the session before."),
    "prev_day.low": (_P, "Previous low", "Lowest price of the session before."),
    "prev_day.volume": (_C, "Previous volume", "Volume of the session before."),
}
DERIVED: tuple[Field, ...] = tuple(
    Field(name, kind, _DAY, label, text, source="history") for name, (kind, label, text) in _PREVIOUS.items()
)
"""Fields that are reckoned from bars where they are read: `prev_day.high` is `high[1d]`. No row has them."""

_DERIVED = {one.name: one for one in DERIVED}
OWN_RATIOS = "my."
"""A person's own ratios: `my.anything`."""


def declared(name: str) -> Field | None:
    """The declared field of that name; a person's own ratio is a plain number."""
    if name.startswith(OWN_RATIOS) and name.count(".") == 1:
        return _of("own ratios", _DAY, name, _N, name, "A ratio of your own.")
    return _BY_NAME.get(name)


def derived_from(name: str) -> str | None:
    """The bar's own field whose value of the session before a derived field has; None for one that is not derived."""
    return name.rpartition(".")[2] if name in _DERIVED else None


def known(name: str) -> Field | None:
    """The field of that name or alias, live, derived or declared; None where there is none."""
    return resolve(name) or _DERIVED.get(name) or declared(name)
