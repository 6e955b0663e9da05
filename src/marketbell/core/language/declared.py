"""Fields that rules may name before the engine provides them: options, futures, news, the paper account, the economy.

They have names, types and meanings like every other field, and are judged like them; what nobody provides is unknown.
A field with settings is called: `opt.pcr_oi(expiry: "nearest")`.
"""

from marketbell.core.language.fields import Cadence, Field, FieldType

_P, _N, _PCT, _M, _C = FieldType.PRICE, FieldType.NUMBER, FieldType.PERCENT, FieldType.MONEY, FieldType.COUNT
_CHAIN, _TICK, _DAY, _NEWS = Cadence.CHAIN, Cadence.TICK, Cadence.DAILY, Cadence.NEWS

OI_STATES = ("", "long_buildup", "short_buildup", "long_unwinding", "short_covering")
PHASES = ("", "pre", "open", "closed")


def _opt(name: str, kind: FieldType, label: str, text: str, unit: str = "") -> Field:
    return Field(f"opt.{name}", kind, _CHAIN, label, text, unit=unit, source="option chain")


def _paper(name: str, kind: FieldType, label: str, text: str) -> Field:
    unit = "currency" if kind is FieldType.MONEY else ""
    return Field(name, kind, _TICK, label, text, unit=unit, source="paper account")


DECLARED: tuple[Field, ...] = (
    Field("oi", _C, _TICK, "Open interest", "Contracts outstanding, in units of the underlying.", source="feed"),
    _opt("atm_iv", _PCT, "ATM IV", "Implied volatility at the money, percentage points a year.", "% a year"),
    _opt("iv_rank", _PCT, "IV rank", "ATM IV between its lowest (0) and highest (100) of so many days."),
    _opt("iv_percentile", _PCT, "IV percentile", "Share of so many days with a lower ATM IV."),
    _opt("pcr_oi", _N, "PCR (OI)", "Open interest of puts over that of calls."),
    _opt("pcr_volume", _N, "PCR (volume)", "Volume of puts over that of calls."),
    _opt("max_pain", _P, "Max pain", "The strike at which the writers of all options would pay least."),
    _opt("skew", _N, "Skew", "IV of the put less IV of the call with that delta, volatility points."),
    _opt("term_slope", _N, "Term slope", "ATM IV of the next expiry less that of the nearest, volatility points."),
    Field(
        "opt.oi_state", FieldType.ENUM, _CHAIN, "OI state",
        "What price and open interest did together: long_buildup, short_buildup, long_unwinding, short_covering.",
        source="option chain", members=OI_STATES,
    ),
    _opt("max_call_oi_strike", _P, "Call wall", "The strike with the largest open interest of calls."),
    _opt("max_put_oi_strike", _P, "Put wall", "The strike with the largest open interest of puts."),
    _opt("gex", _M, "GEX", "Gamma exposure of all open contracts for one per cent of the underlying.", "currency"),
    _opt("expected_move", _P, "Expected move", "Price of the straddle at the money."),
    Field("fut.oi", _C, _TICK, "Futures OI", "Open interest of the near future.", source="futures"),
    Field("fut.price", _P, _TICK, "Future", "Last price of the near future.", source="futures"),
    Field("fut.basis", _P, _TICK, "Basis", "Near future less spot.", source="futures"),
    Field("news.count", _C, _NEWS, "News", "Articles about the instrument in the time named.", source="news"),
    Field("news.sentiment", _N, _NEWS, "Sentiment", "Mean sentiment of them, -1 to 1.", source="news"),
    Field("news.event", FieldType.BOOL, _NEWS, "Event", "An article about such an event came in.", source="news"),
    Field("macro.policy_rate", _PCT, _DAY, "Policy rate", "Central bank's rate.", source="economy"),
    Field("macro.inflation", _PCT, _DAY, "Inflation", "Consumer prices against a year before.", source="economy"),
    Field("macro.usd_inr", _N, _DAY, "USD/INR", "Reference rate.", source="economy"),
    Field(
        "mkt.phase", FieldType.ENUM, _TICK, "Market phase", "pre, open or closed.", source="calendar", members=PHASES
    ),
    Field("mkt.session", _C, _DAY, "Session", "Sessions of this year so far.", source="calendar"),
    Field("mkt.breadth", _PCT, _TICK, "Breadth", "Share of the market that is up today.", source="market"),
    _paper("pos.quantity", _C, "Position", "Units held in the paper account, below zero when short."),
    _paper("pos.average_price", _P, "Average price", "What the position cost a unit."),
    _paper("pos.value", _M, "Position value", "Quantity times last price."),
    _paper("pos.pnl", _M, "P&L", "Profit and loss of the position."),
    _paper("pos.pnl_pct", _PCT, "P&L %", "Profit and loss against what the position cost."),
    _paper("acct.equity", _M, "Equity", "Cash and positions of the paper account."),
    _paper("acct.cash", _M, "Cash", "Cash of the paper account."),
    _paper("acct.pnl", _M, "Account P&L", "Profit and loss of the paper account."),
    _paper("acct.drawdown_pct", _PCT, "Drawdown", "Equity against its highest."),
    _paper("acct.delta_net", _N, "Net delta", "Sum of the deltas of all positions."),
    Field("src.quality", _N, _TICK, "Quality", "Share of the last ticks that were accepted, 0 to 1.", source="feed"),
)  # fmt: skip

_BY_NAME = {one.name: one for one in DECLARED}
OWN_RATIOS = "my."


def declared(name: str) -> Field | None:
    """The declared field of that name; a user's own ratio (`my.anything`) is a plain number."""
    if name.startswith(OWN_RATIOS) and name != OWN_RATIOS:
        return Field(name, _N, _DAY, name, "A ratio of your own.", source="own ratios")
    return _BY_NAME.get(name)
