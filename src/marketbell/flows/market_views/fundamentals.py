"""An instrument's fundamentals with where each value comes from: published, or derived from what, when, by whom.

The same rules and formulas as in the engine (core/fundamentals), over the stored facts and the row's price.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from marketbell.core.fundamentals.point_in_time import Evidence, FactBook
from marketbell.core.fundamentals.published import PublishedFact
from marketbell.core.fundamentals.ratios import FORMULAS, basis_of, live, settled
from marketbell.core.language.fields import BY_NAME
from marketbell.core.market.instrument import Instrument
from marketbell.flows.market_views.numbers import number, shown, utc
from marketbell.ports.stores import Fact

NAMES = tuple(name for name in BY_NAME if name.startswith("fund."))
_MEDIAN = "fund.pe_median_5y"


class _Now:
    """The book's only row as it stands."""

    def __init__(self, book: FactBook) -> None:
        self._book = book

    def value(self, name: str, quarters: int = 0) -> Any:
        return self._book.values(name, quarters=quarters)

    def period(self, name: str) -> Any:
        return self._book.periods(name)


def fundamental_items(
    instrument: Instrument, facts: Iterable[Fact], row: Mapping[str, Any], when: int
) -> list[dict[str, Any]]:
    """One item for each known field of the registry, in its order, as of `when` (ns UTC).

    `basis` is published or derived. A derived item has `formula` and `inputs`; its period, publication,
    version and source are those of its newest input. `published_value` is what was published under the name.
    """
    book = FactBook(NAMES)
    book.grow(1)
    book.add(0, [_published(fact) for fact in facts])
    book.advance(np.array([when], np.int64))
    price = number(row, "close")
    found = live(
        settled(_Now(book), NAMES),
        np.array([np.nan if price is None else price]),
        np.array([instrument.shares_outstanding or np.nan]),
    )
    median = number(row, _MEDIAN)
    if median is not None and median != float(book.values(_MEDIAN)[0]):
        found.put(_MEDIAN, np.array([median]), np.array([True]))  # only the engine keeps five years of closes
    items = []
    for name in NAMES:
        value = float(found.values[name][0])
        if not np.isfinite(value):
            continue
        basis = basis_of(name, found.is_derived)
        inputs = FORMULAS[name].inputs if basis == "derived" else ()
        known = [one for one in (book.evidence(of, 0) for of in inputs or (name,)) if one is not None]
        items.append(_item(instrument, name, value, basis, inputs, _newest(known), book.evidence(name, 0)))
    return items


def _item(
    instrument: Instrument,
    name: str,
    value: float,
    basis: str,
    inputs: tuple[str, ...],
    evidence: Evidence | None,
    published: Evidence | None,
) -> dict[str, Any]:
    field = BY_NAME[name]
    listed = instrument.source or "listing"
    return {
        "name": name,
        "label": field.label,
        "value": _text(name, value, instrument),
        "unit": field.unit,
        "period_end": evidence.period_end if evidence else None,
        "published_at": utc(evidence.published_at) if evidence else None,
        "version": evidence.version if evidence else None,
        "source": evidence.source if evidence else listed,
        "basis": basis,
        "formula": FORMULAS[name].text if inputs else None,
        "inputs": list(inputs),
        "published_value": _text(name, published.value, instrument) if published else None,
    }


def _text(name: str, value: float, instrument: Instrument) -> str | None:
    text = shown(name, value, instrument.tick_size)
    return None if text is None else str(text)


def _newest(known: list[Evidence]) -> Evidence | None:
    return max(known, key=lambda one: (one.period_end, one.published_at, one.version), default=None)


def _published(fact: Fact) -> PublishedFact:
    return PublishedFact(fact.name, fact.value, fact.published_at, fact.period_end, fact.version, fact.source)
