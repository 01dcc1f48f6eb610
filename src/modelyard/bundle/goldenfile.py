"""Golden rows and outputs as ``.npz`` files without objects.

Every array is numeric: strings are their UTF-8 bytes and the lengths of them, timestamps are int64
microseconds.  A file is read only in the exact form in which it would be written again, so there is
no second way to say the same, and no place for pickles, huge shapes or compressed bombs.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from modelyard.bundle import storedzip
from modelyard.core.table import Series, Table
from modelyard.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelyard.core.contract import Contract, DType
    from modelyard.core.table import Array

GOLDEN_ROWS = "golden/rows.npz"
GOLDEN_OUTPUTS = "golden/outputs.npz"

_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(
    r"\{'descr': '(\|b1|\|[iu]1|<[iu][248]|<f[48])', 'fortran_order': False,"
    r" 'shape': \(([0-9, ]*)\), \} *\n"
)
_ALIGN = 64


def encode_rows(table: Table, kinds: Sequence[str], contract: Contract) -> bytes:
    """Write golden rows.

    Raises:
        BundleError: if the rows do not fit the contract.
    """
    if list(table) != contract.names or len(kinds) != table.rows:
        raise BundleError("the golden rows do not fit the contract", file=GOLDEN_ROWS)
    arrays = _encode_strings("kinds", kinds)
    for i, column in enumerate(contract.inputs):
        series = table[column.name]
        # A mask that masks nothing says the same as none, and one thing has one form.
        missing = None if series.missing is None or not series.missing.any() else series.missing
        arrays |= _encode(f"{i}", series.values, column.dtype, missing)
        if missing is not None:
            arrays[f"{i}.missing"] = missing
    return _write(arrays)


def decode_rows(content: bytes, contract: Contract) -> tuple[Table, tuple[str, ...]]:
    """Read golden rows and their kinds.

    Raises:
        BundleError: if the file is not in its one form, or does not fit the contract.
    """
    try:
        arrays = _read(content)
        kinds = tuple(_decode_strings("kinds", arrays))
        columns = {}
        for i, column in enumerate(contract.inputs):
            values = _decode(f"{i}", arrays, column.dtype)
            _check_shape(values, len(kinds), column.shape)
            columns[column.name] = Series(values, _decode_mask(f"{i}", arrays, len(kinds)))
        _none_left(arrays)
        table = Table(columns)
        _same(encode_rows(table, kinds, contract), content)
    except (ValueError, KeyError, UnicodeDecodeError) as e:
        raise BundleError(f"{GOLDEN_ROWS} cannot be read: {e}", file=GOLDEN_ROWS) from e
    return table, kinds


def encode_outputs(outputs: Mapping[str, Array], contract: Contract) -> bytes:
    """Write outputs, in the order and with the dtypes of the contract.

    Raises:
        BundleError: if they do not fit the contract.
    """
    if set(outputs) != {output.name for output in contract.outputs}:
        raise BundleError("the golden outputs are not those of the contract", file=GOLDEN_OUTPUTS)
    arrays: dict[str, Array] = {}
    for i, output in enumerate(contract.outputs):
        arrays |= _encode(f"{i}", outputs[output.name], output.dtype, None)
    return _write(arrays)


def decode_outputs(content: bytes, contract: Contract, rows: int) -> dict[str, Array]:
    """Read outputs for so many rows.

    Raises:
        BundleError: if the file is not in its one form, or does not fit the contract.
    """
    try:
        arrays = _read(content)
        outputs = {}
        for i, output in enumerate(contract.outputs):
            values = _decode(f"{i}", arrays, output.dtype)
            _check_shape(values, rows, output.shape)
            outputs[output.name] = values
        _none_left(arrays)
        _same(encode_outputs(outputs, contract), content)
    except (ValueError, KeyError, UnicodeDecodeError) as e:
        raise BundleError(f"{GOLDEN_OUTPUTS} cannot be read: {e}", file=GOLDEN_OUTPUTS) from e
    return outputs


def _encode(name: str, values: Array, dtype: DType, missing: Array | None) -> dict[str, Array]:
    if dtype == "string":
        # Where a row is missing its value means nothing, so it must not change the digest.
        texts = values if missing is None else np.where(missing, "", values)
        return _encode_strings(name, texts.ravel().tolist()) | {
            f"{name}.shape": np.array(values.shape, np.int64)
        }
    wanted = np.dtype("datetime64[us]" if dtype == "timestamp" else dtype)
    floats = values.dtype.kind == wanted.kind == "f"
    if not np.can_cast(values.dtype, wanted, "same_kind" if floats else "safe"):
        raise BundleError(f"golden values are {values.dtype}, the contract says {dtype}")
    array = np.ascontiguousarray(values, wanted)
    if missing is not None and wanted.kind != "f":
        array = array.copy()
        array[missing] = np.zeros((), wanted)
    return {name: array.view(np.int64) if dtype == "timestamp" else array}


def _encode_strings(name: str, texts: Sequence[str]) -> dict[str, Array]:
    parts = [text.encode("utf-8", "surrogatepass") for text in texts]
    return {
        f"{name}.bytes": np.frombuffer(b"".join(parts), np.uint8),
        f"{name}.lengths": np.array([len(part) for part in parts], np.int64),
    }


def _decode(name: str, arrays: dict[str, Array], dtype: DType) -> Array:
    if dtype == "string":
        texts = np.empty(len(arrays[f"{name}.lengths"]), object)
        texts[:] = _decode_strings(name, arrays)
        return texts.reshape(tuple(arrays.pop(f"{name}.shape").tolist()))
    values = arrays.pop(name)
    if values.dtype != np.dtype("int64" if dtype == "timestamp" else dtype):
        raise ValueError(f"an array is {values.dtype}, the contract says {dtype}")
    return values.view("datetime64[us]") if dtype == "timestamp" else values


def _decode_mask(name: str, arrays: dict[str, Array], rows: int) -> Array | None:
    missing = arrays.pop(f"{name}.missing", None)
    if missing is not None and (missing.dtype.kind != "b" or missing.shape != (rows,)):
        raise ValueError("a mask has another shape than its rows")
    return missing


def _same(again: bytes, content: bytes) -> None:
    if again != content:
        raise ValueError("it is not in its one form")


def _decode_strings(name: str, arrays: dict[str, Array]) -> list[str]:
    content = arrays.pop(f"{name}.bytes").tobytes()
    lengths = arrays.pop(f"{name}.lengths").tolist()
    if any(length < 0 for length in lengths) or sum(lengths) != len(content):
        raise ValueError("the lengths of the strings do not add up")
    texts, position = [], 0
    for length in lengths:
        part = content[position : position + length]
        texts.append(part.decode("utf-8", "surrogatepass"))
        position += length
    return texts


def _check_shape(values: Array, rows: int, shape: tuple[int | None, ...]) -> None:
    wanted = (rows, *shape)
    if len(values.shape) != len(wanted) or any(
        size is not None and size != got for size, got in zip(wanted, values.shape, strict=True)
    ):
        raise ValueError(f"an array has the shape {values.shape}, the contract says {wanted}")


def _none_left(arrays: dict[str, Array]) -> None:
    if arrays:
        raise ValueError(f"it holds {min(arrays)!r}, which the contract does not know")


def _write(arrays: dict[str, Array]) -> bytes:
    return storedzip.write({f"{name}.npy": _npy(array) for name, array in arrays.items()})


def _read(content: bytes) -> dict[str, Array]:
    return {
        name.removesuffix(".npy"): _array(member)
        for name, member in storedzip.read(content).items()
    }


def _npy(array: Array) -> bytes:
    """Write one array as ``.npy`` 1.0, little endian, C order."""
    array = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False)
    shape = ", ".join(map(str, array.shape)) + ("," if array.ndim == 1 else "")
    # On a big-endian machine too, a dtype that was made little endian says "<".
    text = f"{{'descr': '{array.dtype.str}', 'fortran_order': False, 'shape': ({shape}), }}"
    space = -(len(_MAGIC) + 2 + len(text) + 1) % _ALIGN
    header = (text + " " * space + "\n").encode("ascii")
    return _MAGIC + len(header).to_bytes(2, "little") + header + array.tobytes()


def _array(member: bytes) -> Array:
    """Read what ``_npy`` wrote.  The header is matched, never evaluated."""
    start = len(_MAGIC) + 2
    end = start + int.from_bytes(member[start - 2 : start], "little")
    header = _HEADER.fullmatch(member[start:end].decode("ascii"))
    if not member.startswith(_MAGIC) or header is None:
        raise ValueError("an array is not in plain .npy form")
    dtype = np.dtype(header[1])
    shape = tuple(int(size) for size in header[2].replace(",", " ").split())
    if math.prod(shape) * dtype.itemsize != len(member) - end:
        raise ValueError("an array's shape does not fit its bytes")
    native: np.dtype[Any] = dtype.newbyteorder("=")
    return np.frombuffer(member, dtype, offset=end).reshape(shape).astype(native)
