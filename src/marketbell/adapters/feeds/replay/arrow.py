"""Arrow columns to NumPy by their buffers: pyarrow's own conversions import pandas, which costs a second and 60 MB."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def flat(column: pa.ChunkedArray) -> pa.Array:
    """One piece."""
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def raw(column: pa.ChunkedArray, kind: pa.DataType, dtype: str) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """The column cast to a fixed-width type, and where it holds a value. What is missing holds 0."""
    array = flat(column)
    if array.type != kind:
        array = array.cast(kind, safe=False)
    count = len(array)
    valid, data = array.buffers()
    if data is None:
        return np.zeros(count, dtype), np.zeros(count, np.bool_)
    values = np.frombuffer(data, dtype)[array.offset : array.offset + count]
    if valid is None or not array.null_count:
        return values, np.ones(count, np.bool_)
    bits = np.unpackbits(np.frombuffer(valid, np.uint8), bitorder="little")[array.offset : array.offset + count]
    known = bits.astype(np.bool_)
    return np.where(known, values, np.zeros(1, dtype)), known


def words(column: pa.ChunkedArray) -> tuple[NDArray[np.int64], list[str]]:
    """A text column as numbers of its distinct words; a missing cell is the word ''."""
    array = flat(column)
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    at, known = raw(array.indices, pa.int64(), "<i8")
    found = [str(word) for word in array.dictionary.to_pylist()]
    if known.all():
        return at, found
    return np.where(known, at, len(found)), [*found, ""]
