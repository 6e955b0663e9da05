"""What was unusual in a file: counted, with the first place of each kind, never hidden."""

from marketbell.core.options.note import Note

KINDS = {
    "no_trade": "last price 0: the contract has not traded",
    "stale_price": "no trade that day: the price is an earlier day's or the exchange's own",
    "stale_quote": "heard of more than five minutes before the chain was captured",
    "no_quote": "bid or ask 0: nobody quotes that side",
    "crossed_quote": "bid above ask: the mid is not used",
    "no_iv": "the source gives no volatility (0)",
    "extreme_iv": "the source's volatility is above 300 %",
    "missing_side": "call or put is absent at the strike",
    "duplicate": "the contract stands twice: the later row counts",
    "bad_strike": "no strike above zero: the row is left out",
    "negative": "a count below zero: taken as unknown",
    "too_large": "a number beyond 1e15: taken as unknown",
    "no_spot": "the price of the underlying is not known",
    "no_time": "the moment of capture is not known: no volatility (--as-of states it)",
    "no_expiry": "the expiry is not known: no volatility (--expiry states it)",
    "expired": "captured at or after the expiry: no volatility",
    "out_of_session": "captured outside of the trading hours",
    "unit_mismatch": "the unit of open interest or volume does not fit the lot size",
    "odd_lot": "open interest is no multiple of the lot size",
    "lot_inferred": "lot size found in what all quotes and open interest are multiples of: no table has it",
    "total_mismatch": "the sum over the strikes is not the total that the source states",
    "unreadable": "the row has no readable expiry, side or price: left out",
    "not_an_option": "rows of other instruments: left out",
}
"""Every kind and what it means."""


class Notes:
    """Collects notes; the same kind about the same thing is one note with a count."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], tuple[str, str, int]] = {}

    def add(self, kind: str, about: str, where: str, count: int = 1, text: str = "") -> None:
        """Note a kind of `KINDS` about an underlying and expiry. Nothing for a count of 0."""
        if count <= 0:
            return
        key = kind, about
        first, words, before = self._found.get(key, (where, text or KINDS[kind], 0))
        self._found[key] = first, words, before + count

    def listed(self) -> list[Note]:
        """All of them, in the order of their kinds and of what they are about."""
        order = list(KINDS)
        keys = sorted(self._found, key=lambda key: (order.index(key[0]), key[1]))
        return [Note(key[0], self._found[key][0], self._found[key][1], self._found[key][2]) for key in keys]
