"""Which operators stand behind the tick kernel, and in which order they are called."""

from collections.abc import Callable, Sequence

from marketbell.core.engine.books import Books
from marketbell.core.engine.chains import Chains
from marketbell.core.engine.enrichment import Enrichment
from marketbell.core.engine.operators import Operator
from marketbell.core.engine.patterns import Patterns
from marketbell.core.engine.series import Series

Extra = Callable[[Series], Operator]
"""Makes an operator that stands behind those of the engine; what it reads of bars comes from the series."""


def make_operators(extra: Sequence[Extra] = ()) -> tuple[Operator, ...]:
    """The operators of an engine, in the order of their calls. Each may read the fields of those before it."""
    books = Books()
    before = (books, Patterns(books), Enrichment(), Chains())
    series = Series(before)
    return (*before, series, *(make(series) for make in extra))
