"""Checkpoints, recordings and the spill queue on a disk that is cut at any byte."""

from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from marketbell.adapters.checkpoints.files import FileCheckpoints
from marketbell.adapters.recordings.parquet import ParquetRecordings
from marketbell.adapters.spill.files import FileFrameQueue
from marketbell.ports.checkpoints import Checkpoint


def _checkpoint(sequence: int, offset: int = 0) -> Checkpoint:
    arrays = {
        "f": np.arange(6, dtype=np.float64).reshape(2, 3) + sequence,
        "empty": np.empty((0, 4), np.int64),
        "bytes": np.frombuffer(b"{}", np.uint8),
    }
    return Checkpoint(3, "epoch", offset or sequence * 10, sequence, "run#0", 5, arrays)


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path) -> None:
    store = FileCheckpoints(tmp_path)
    assert store.load(3) == (None, [])
    saved = _checkpoint(1)
    store.save(saved)
    found, passed_over = store.load(3)
    assert passed_over == []
    assert found is not None
    assert (found.epoch, found.offset, found.sequence, found.run, found.taken_at) == ("epoch", 10, 1, "run#0", 5)
    for name, array in saved.arrays.items():
        np.testing.assert_array_equal(found.arrays[name], array)
        assert found.arrays[name].dtype == array.dtype
        assert found.arrays[name].flags.writeable


def test_three_are_kept(tmp_path: Path) -> None:
    store = FileCheckpoints(tmp_path)
    for sequence in range(1, 7):
        store.save(_checkpoint(sequence))
    assert sorted(path.name for path in (tmp_path / "3").iterdir()) == [f"{n:012d}.ckpt" for n in (4, 5, 6)]
    assert store.oldest(3) == ("epoch", 40)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.999])
def test_a_torn_checkpoint_falls_back_to_the_one_before(tmp_path: Path, share: float) -> None:
    store = FileCheckpoints(tmp_path)
    store.save(_checkpoint(1))
    store.save(_checkpoint(2))
    newest = max((tmp_path / "3").iterdir())
    data = newest.read_bytes()
    newest.write_bytes(data[: int(len(data) * share)])
    found, passed_over = store.load(3)
    assert found is not None
    assert found.sequence == 1
    assert len(passed_over) == 1


def test_one_flipped_bit_is_seen(tmp_path: Path) -> None:
    store = FileCheckpoints(tmp_path)
    store.save(_checkpoint(1))
    (path,) = (tmp_path / "3").iterdir()
    data = bytearray(path.read_bytes())
    for at in range(0, len(data), 7):
        flipped = bytearray(data)
        flipped[at] ^= 4
        path.write_bytes(flipped)
        found, _ = store.load(3)
        # two bytes of the header are not used
        assert found is None or at in {6, 7}


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
    store.write("2021-04-28", 0, rows)
    store.write("2021-04-28", 0, rows)
    store.begin("2021-04-28", _checkpoint(1))
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
