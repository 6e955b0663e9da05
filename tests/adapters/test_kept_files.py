"""Checkpoints, recordings and the spill queue on a disk that is cut at any byte."""

from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from marketbell.adapters.checkpoints.files import FileCheckpoints
from marketbell.adapters.recordings.parquet import ParquetRecordings
from marketbell.adapters.spill.files import FileFrameQueue
from marketbell.core.primitives.errors import CheckpointError
from marketbell.core.primitives.shards import ALL_SHARDS, Shards
from marketbell.ports.checkpoints import Checkpoint


def _checkpoint(sequence: int, shards: Shards = ALL_SHARDS, fence: int = 1) -> Checkpoint:
    arrays = {
        "f": np.arange(6, dtype=np.float64).reshape(2, 3) + sequence,
        "empty": np.empty((0, 4), np.int64),
        "bytes": np.frombuffer(b"{}", np.uint8),
    }
    return Checkpoint(3, "epoch", sequence * 10, sequence, "run#0", 5, arrays, shards, fence)


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    store = FileCheckpoints(tmp_path)
    assert store.kept() == []
    saved = _checkpoint(1, Shards(3, 7), fence=9)
    store.save(saved)
    (place,) = store.kept()
    assert place == saved.place
    found = store.load(place)
    assert found.place == saved.place
    assert (found.run, found.taken_at) == ("run#0", 5)
    for name, array in saved.arrays.items():
        np.testing.assert_array_equal(found.arrays[name], array)
        assert found.arrays[name].dtype == array.dtype
        assert found.arrays[name].flags.writeable


def test_three_are_kept(tmp_path: Path) -> None:
    store = FileCheckpoints(tmp_path)
    for sequence in range(1, 7):
        store.save(_checkpoint(sequence))
    assert [place.sequence for place in store.kept()] == [4, 5, 6]
    assert len(list(tmp_path.iterdir())) == 3


def test_three_of_every_shard_are_kept_across_splits(tmp_path: Path) -> None:
    store = FileCheckpoints(tmp_path)
    for sequence in (1, 2, 3):
        store.save(_checkpoint(sequence))
    for sequence in (4, 5, 6):
        store.save(_checkpoint(sequence, Shards(0, 31), fence=2))
    # the upper half has nothing newer than the whole ones
    assert [place.sequence for place in store.kept() if place.shards == ALL_SHARDS] == [1, 2, 3]
    store.save(_checkpoint(4, Shards(32, 63), fence=3))
    assert [place.sequence for place in store.kept() if place.shards == ALL_SHARDS] == [2, 3]


def test_another_process_sees_what_was_saved_and_let_go(tmp_path: Path) -> None:
    mine, theirs = FileCheckpoints(tmp_path), FileCheckpoints(tmp_path)
    mine.save(_checkpoint(1))
    assert [place.sequence for place in theirs.kept()] == [1]
    for sequence in (2, 3, 4):
        mine.save(_checkpoint(sequence))
    assert [place.sequence for place in theirs.kept()] == [2, 3, 4]
    with pytest.raises(CheckpointError, match="cannot be read"):
        theirs.load(_checkpoint(1).place)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.999])
def test_a_torn_checkpoint_is_seen(tmp_path: Path, share: float) -> None:
    store = FileCheckpoints(tmp_path)
    store.save(_checkpoint(1))
    store.save(_checkpoint(2))
    newest = max(tmp_path.iterdir())
    data = newest.read_bytes()
    newest.write_bytes(data[: int(len(data) * share)])
    older, torn = FileCheckpoints(tmp_path).kept()
    assert store.load(older).sequence == 1
    with pytest.raises(CheckpointError):
        store.load(torn)


def test_one_flipped_bit_is_seen(tmp_path: Path) -> None:
    store = FileCheckpoints(tmp_path)
    store.save(_checkpoint(1))
    (path,) = tmp_path.iterdir()
    place = _checkpoint(1).place
    data = bytearray(path.read_bytes())
    for at in range(0, len(data), 7):
        flipped = bytearray(data)
        flipped[at] ^= 4
        path.write_bytes(flipped)
        if at in {6, 7}:
            continue  # two bytes of the header are not used
        with pytest.raises(CheckpointError):
            store.load(place)


def test_a_recorded_part_is_named_by_its_first_position(tmp_path: Path) -> None:
    store = ParquetRecordings(tmp_path)
    rows = {
        "instrument": np.array(["NSE:X", "NSE:Y"], object),
        "position": np.array([7, 8]),
        "instrument_id": np.array([1, 2]),
        "event_time": np.array([10, 11]),
        "ingest_time": np.array([10, 11]),
        "price": np.array([1.5, 2.5]),
        "volume": np.array([np.nan, 3.0]),
        "size": np.array([np.nan, np.nan]),
        "trade_id": np.array([-1, -1]),
        "flags": np.array([2, 2], np.uint16),
    }
    store.write("2021-04-28", "0", rows)
    store.write("2021-04-28", "0", rows)
    store.begin("2021-04-28", "3", _checkpoint(1))
    (path,) = (tmp_path / "2021-04-28").glob("ticks-*.parquet")
    table = parquet.read_table(path)
    assert table["instrument"].to_pylist() == ["NSE:X", "NSE:Y"]
    assert table["price"].to_pylist() == [1.5, 2.5]
    assert str(table["event_time"].type) == "timestamp[ns, tz=UTC]"
    assert (tmp_path / "2021-04-28" / "start-3.npz").exists()


def test_the_spill_queue_survives_and_cuts_a_torn_tail(tmp_path: Path) -> None:
    queue = FileFrameQueue(tmp_path, capacity_bytes=1_000)
    assert queue.append([(0, b"a" * 10), (1, b"b" * 20)])
    assert queue.append([(2, b"c" * 30)])
    assert not queue.append([(0, b"x" * 2_000)])
    queue.drop(1)
    queue.close()
    with (tmp_path / "frames").open("ab") as file:
        file.write(b"\x40\x00\x00\x00torn")
    again = FileFrameQueue(tmp_path, capacity_bytes=1_000)
    assert again.head(10) == [(1, b"b" * 20), (2, b"c" * 30)]
    assert again.append([(3, b"d")])
    assert again.discard(lambda frame: frame.startswith(b"c")) == 1
    assert again.head(10) == [(1, b"b" * 20), (3, b"d")]
    again.drop(2)
    assert len(again) == 0
    assert again.fill == 0.0
    again.close()
