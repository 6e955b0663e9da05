"""Which operators stand behind the tick kernel, and in which order they are called."""

from marketbell.core.engine.books import Books
from marketbell.core.engine.enrichment import Enrichment
from marketbell.core.engine.operators import Operator
from marketbell.core.engine.patterns import Patterns
from marketbell.core.engine.series import Series


def make_operators() -> tuple[Operator, ...]:
    """The operators of an engine, in the order of their calls. Each may read the fields of those before it."""
    books = Books()
    before = (books, Patterns(books), Enrichment())
    return (*before, Series(before))
