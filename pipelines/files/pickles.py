"""Strangers' pickles: read without running anything in them, and without being kept busy for ever.

An unpickler that builds no objects is not yet harmless: a pickle of a kilobyte can hold a tuple in
a tuple forty deep, each twice in the next, and using it as a key takes 2^40 steps; or an array that
asks for more memory than there is. So the operations are gone through first, and arrays are only
made of the bytes that the file really has.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

MOST_IN_A_TUPLE = 10_000
"""Items, those of tuples inside counted as often as they stand there. Sizes, strides and arguments
of tensors have some twenty."""

MOST_OPERATIONS = 20_000_000
MOST_BYTES = 200_000_000
"""Of the table of contents in PyTorch's archive; a large model has one of a few megabytes."""

PACKING = 1_000_000
"""Bytes by which an archive may be larger than its file: PyTorch packs nothing."""

TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
MARK = object()


def expect_flat(file: BinaryIO) -> None:
    """Goes through the operations of one pickle, from the file's place to its end, running none.

    Raises pickle.UnpicklingError for tuples that would take for ever to look at and for what is no
    pickle, EOFError for one that is cut short.
    """
    stack: list[Any] = []
    memo: dict[Any, int] = {}
    try:
        for count, (operation, argument, _) in enumerate(pickletools.genops(file)):
            if count > MOST_OPERATIONS:
                raise pickle.UnpicklingError("it has too many operations")
            _follow(operation.name, operation, argument, stack, memo)
    except (ValueError, IndexError, KeyError, RecursionError) as error:
        if "exhausted" in str(error):
            raise EOFError("it ends before it is complete") from error
        raise pickle.UnpicklingError(f"its operations make no sense ({error})") from error


def _follow(name: str, operation: Any, argument: Any, stack: list, memo: dict) -> None:
    """What an operation does to the stack, on which each object is the number of its items."""
    if name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
        memo[len(memo) if argument is None else int(argument)] = stack[-1]
    elif name in ("GET", "BINGET", "LONG_BINGET"):
        stack.append(memo[int(argument)])
    elif name == "DUP":
        stack.append(stack[-1])
    elif name == "MARK":
        stack.append(MARK)
    elif name == "TUPLE":
        stack.append(_tuple_of(_to_mark(stack)))
    elif name in TUPLES:
        length = TUPLES[name]
        items = stack[len(stack) - length :]
        if len(items) != length:
            raise IndexError("nothing to take")
        del stack[len(stack) - length :]
        stack.append(_tuple_of(items))
    else:
        before = operation.stack_before
        marked = pickletools.markobject in before
        if marked:
            _to_mark(stack)
            before = before[: before.index(pickletools.markobject)]
        if before:
            del stack[-len(before) :]
        stack.extend(1 for _ in operation.stack_after)


def _to_mark(stack: list) -> list:
    items = []
    while (item := stack.pop()) is not MARK:
        items.append(item)
    return items


def _tuple_of(items: list) -> int:
    if MARK in items or (total := 1 + sum(items)) > MOST_IN_A_TUPLE:
        raise pickle.UnpicklingError("it holds tuples in tuples beyond all measure")
    return total


def expect_plain_archive(path: Path) -> None:
    """Raises pickle.UnpicklingError for a PyTorch archive that unpacks to more than its own size,
    or whose table of contents is not `expect_flat`."""
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
        if sum(part.file_size for part in parts) > path.stat().st_size + PACKING:
            raise pickle.UnpicklingError("it unpacks to more than its own size")
        for part in parts:
            if part.filename.endswith(".pkl"):
                if part.file_size > MOST_BYTES:
                    raise pickle.UnpicklingError(f"{part.filename} in it is too large")
                expect_flat(io.BytesIO(archive.read(part)))


def read_arrays(path: Path) -> object:
    """What a pickle of numpy arrays and built-in containers holds. Raises pickle.UnpicklingError
    for anything else, before it is made."""
    with path.open("rb") as file:
        expect_flat(file)
        file.seek(0)
        # Protocol 2 files of Python 2 name their strings in latin-1; newer ones do not mind.
        return ArraysOnly(file, encoding="latin1").load()


def _empty_array(kind: object, shape: object, code: object) -> np.ndarray:
    """numpy's `_reconstruct`, whatever shape is asked for: the shape comes with the bytes."""
    if kind is not _Array:
        raise pickle.UnpicklingError("it asks for an array of its own kind")
    return np.empty(0, np.uint8)


def _encoded(text: str, encoding: str = "latin1") -> bytes:
    """`_codecs.encode` for the one use that pickles have of it."""
    if encoding.lower().replace("-", "") not in ("latin1", "ascii", "utf8"):
        raise pickle.UnpicklingError(f"it asks for the encoding {encoding!r}")
    return text.encode(encoding)


class _Array:
    """Stands for numpy's array type, which must not be called: it would ask for memory."""

    def __new__(cls, *arguments: object) -> _Array:
        raise pickle.UnpicklingError("it asks for an array without contents")


class ArraysOnly(pickle.Unpickler):
    """Rebuilds numpy arrays and built-in containers; every other name in the pickle is refused."""

    ALLOWED = {
        ("numpy", "ndarray"): _Array,
        ("numpy", "dtype"): np.dtype,
        ("numpy.core.multiarray", "_reconstruct"): _empty_array,
        ("numpy._core.multiarray", "_reconstruct"): _empty_array,
        ("numpy.core.multiarray", "scalar"): None,
        ("numpy._core.multiarray", "scalar"): None,
        ("collections", "OrderedDict"): OrderedDict,
        ("_codecs", "encode"): _encoded,  # how Python 2 and protocol 2 pickles carry bytes
    }
    """None: the function of that name itself, in whichever module this numpy has it."""

    def find_class(self, module_name: str, global_name: str) -> object:
        name = (module_name, global_name)
        if name not in self.ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module_name}.{global_name}")
        return self.ALLOWED[name] or super().find_class(module_name, global_name)
