"""One book: the sequence rules of spot and futures streams, gaps, and what a book admits not to know."""

import pytest

from marketbell.core.market.order_book import BookSnapshot, BookState, BookUpdate, OrderBook, Verdict

BIDS = [(100.0, 5.0), (99.0, 4.0)]
ASKS = [(101.0, 3.0), (102.0, 2.0)]


def book(last: int = 10, **more: object) -> OrderBook:
    one = OrderBook(**more)  # type: ignore[arg-type]
    assert one.snapshot(BookSnapshot(last, BIDS, ASKS)) is Verdict.APPLIED
    return one


def test_a_book_without_a_snapshot_is_building_and_has_no_numbers() -> None:
    one = OrderBook()
    assert one.update(BookUpdate(1, 3, bids=BIDS, asks=ASKS)) is Verdict.BUFFERED
    assert one.state is BookState.BUILDING
    assert one.imbalance() is None
    assert one.microprice() is None
    assert one.bids() == []


def test_numbers_of_a_ready_book() -> None:
    one = book()
    assert one.state is BookState.READY
    assert one.imbalance() == (9.0 - 5.0) / 14.0
    assert one.microprice() == (101.0 * 5.0 + 100.0 * 3.0) / 8.0


@pytest.mark.parametrize(
    ("first", "last", "verdict"),
    [(8, 10, Verdict.STALE), (9, 11, Verdict.APPLIED), (11, 11, Verdict.APPLIED), (12, 13, Verdict.GAP)],
)
def test_the_first_spot_update_must_cover_the_snapshot(first: int, last: int, verdict: Verdict) -> None:
    assert book().update(BookUpdate(first, last)) is verdict


def test_later_spot_updates_must_leave_no_id_out() -> None:
    one = book()
    assert one.update(BookUpdate(11, 12)) is Verdict.APPLIED
    assert one.update(BookUpdate(11, 12)) is Verdict.STALE
    assert one.update(BookUpdate(14, 15)) is Verdict.GAP
    assert one.gaps == 1


@pytest.mark.parametrize(
    ("first", "last", "previous", "verdict"),
    [
        (5, 9, 4, Verdict.STALE),
        (5, 10, 4, Verdict.APPLIED),
        (9, 14, 7, Verdict.APPLIED),
        (11, 14, 8, Verdict.GAP),
    ],
)
def test_the_first_futures_update_must_hold_the_snapshots_id(
    first: int, last: int, previous: int, verdict: Verdict
) -> None:
    assert book().update(BookUpdate(first, last, previous)) is verdict


def test_later_futures_updates_name_the_one_before() -> None:
    one = book()
    assert one.update(BookUpdate(9, 14, 7)) is Verdict.APPLIED
    assert one.update(BookUpdate(20, 25, 14)) is Verdict.APPLIED
    assert one.update(BookUpdate(31, 33, 30)) is Verdict.GAP


def test_a_gap_forgets_the_book_until_a_snapshot_that_the_updates_continue() -> None:
    one = book()
    one.update(BookUpdate(14, 15, bids=[(100.0, 0.0)]))
    assert one.state is BookState.RESYNCING
    assert one.bids() == []
    assert one.snapshot(BookSnapshot(12, BIDS, ASKS)) is Verdict.TOO_OLD
    assert one.state is BookState.RESYNCING
    one.update(BookUpdate(16, 17, asks=[(101.0, 7.0)]))
    assert one.snapshot(BookSnapshot(13, BIDS, ASKS)) is Verdict.APPLIED
    assert one.state is BookState.READY
    assert one.bids() == [(99.0, 4.0)]
    assert one.asks() == [(101.0, 7.0), (102.0, 2.0)]
    assert (one.last_update, one.gaps) == (17, 1)


def test_ids_that_are_missing_among_waiting_updates_are_a_gap_too() -> None:
    one = OrderBook()
    one.update(BookUpdate(1, 3))
    assert one.update(BookUpdate(7, 8)) is Verdict.GAP
    assert one.state is BookState.RESYNCING
    assert one.snapshot(BookSnapshot(2, BIDS, ASKS)) is Verdict.TOO_OLD
    assert one.snapshot(BookSnapshot(7, BIDS, ASKS)) is Verdict.APPLIED


def test_waiting_updates_are_bounded_and_what_was_forgotten_shows() -> None:
    one = OrderBook(pending=2)
    for at in range(1, 4):
        one.update(BookUpdate(at, at, bids=[(1.0, 1.0)]))
    assert one.snapshot(BookSnapshot(1, BIDS, ASKS)) is Verdict.TOO_OLD
    assert one.snapshot(BookSnapshot(2, BIDS, ASKS)) is Verdict.APPLIED


def test_an_older_snapshot_does_not_take_the_book_back() -> None:
    one = book()
    one.update(BookUpdate(11, 20, bids=[(100.5, 1.0)]))
    assert one.snapshot(BookSnapshot(15, BIDS, ASKS)) is Verdict.STALE
    assert one.bids(1) == [(100.5, 1.0)]


def test_a_reset_allows_lower_ids() -> None:
    one = book(1_000)
    one.reset()
    assert one.state is BookState.BUILDING
    assert one.snapshot(BookSnapshot(5, BIDS, ASKS)) is Verdict.APPLIED
    assert one.update(BookUpdate(6, 6)) is Verdict.APPLIED


def test_crossed_and_empty_books_are_states() -> None:
    one = book()
    one.update(BookUpdate(11, 11, bids=[(101.0, 1.0)]))
    assert one.state is BookState.CROSSED
    assert one.imbalance() is None
    one.update(BookUpdate(12, 12, bids=[(101.0, 0.0)]))
    assert one.state is BookState.READY
    whole = OrderBook()
    whole.snapshot(BookSnapshot(1, BIDS, ASKS, is_whole=(True, True)))
    whole.update(BookUpdate(2, 2, asks=[(101.0, 0.0), (102.0, 0.0)]))
    assert whole.state is BookState.EMPTY


def test_prices_that_the_snapshot_did_not_show_are_not_known() -> None:
    one = book()
    one.update(BookUpdate(11, 11, bids=[(98.0, 50.0)]))
    assert one.bids() == BIDS
    one.update(BookUpdate(12, 12, bids=[(100.0, 0.0), (99.0, 0.0)]))
    assert one.state is BookState.BUILDING
    one.update(BookUpdate(13, 13, bids=[(100.5, 1.0)]))
    assert one.state is BookState.READY


def test_levels_that_had_to_make_room_are_not_known() -> None:
    one = book(capacity=2)
    one.update(BookUpdate(11, 11, bids=[(100.5, 1.0)]))
    assert one.bids() == [(100.5, 1.0), (100.0, 5.0)]
    one.update(BookUpdate(12, 12, bids=[(100.5, 0.0), (99.0, 9.0)]))
    assert one.bids() == [(100.0, 5.0)]


@pytest.mark.parametrize("level", [(0.0, 1.0), (-1.0, 1.0), (float("nan"), 1.0), (99.5, float("inf")), (99.5, -1.0)])
def test_impossible_levels_are_left_out(level: tuple[float, float]) -> None:
    one = book()
    one.update(BookUpdate(11, 11, bids=[level]))
    assert one.bids() == BIDS
