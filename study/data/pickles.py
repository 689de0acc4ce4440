"""Pickles from strangers: numpy arrays of numbers and plain containers, and nothing else.

No unpickler runs: the opcodes are read one by one, and each makes what is written below, or is
refused. What it guarantees, whatever the bytes are:

- It ends with numbers, texts, bytes, lists, tuples, dicts and arrays, or with a ValueError.
- Nothing is imported, looked up or called that a pickle names; of numpy it may name what arrays,
  types and scalars are written with, which are made here.
- An array is made of bytes that stand in the pickle, as many as its type and shape need. Types are
  booleans and numbers: none of objects, whose bytes would be addresses, and none of fields.
- Memory goes with the size of the pickle, which is bounded.
"""

from __future__ import annotations

import math
import pickletools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np

from study.data import plain

LARGEST = 1 << 30  # bytes of a pickle
NUMBERS = re.compile(r"[biufc]\d{1,2}")

NAMES = {
    "numpy ndarray": "an array",
    "numpy dtype": "a type",
    # numpy renamed its module "core" in version 2; files keep the name of their time.
    **{
        f"numpy.{core}.multiarray {name}": meant
        for core in ("core", "_core")
        for name, meant in (("_reconstruct", "an empty array"), ("scalar", "a scalar"))
    },
}
LITERALS = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "UNICODE",
    "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "SHORT_BINBYTES", "BINBYTES", "BINBYTES8",
}  # fmt: skip
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
EMPTY = {"EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "EMPTY_DICT": dict}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class _RefusedError(ValueError):
    """A whole pickle, but of what is not read."""


@dataclass(frozen=True)
class _Name:
    """What a pickle means by a name of `NAMES`."""

    meant: str


@dataclass
class _Begun:
    """An array, or a type, before its state is told; and where it is remembered."""

    dtype: np.dtype | None = None
    places: list[int] = field(default_factory=list)


def load(stream: IO[bytes]) -> Any:
    """Return what a pickle holds: numbers, text, lists, tuples, dicts and numpy arrays.

    Raises
    ------
    ValueError
        If it asks for anything else, which is then not even imported, or is damaged.
    """
    content = stream.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError(f"is a pickle of more than {LARGEST} bytes")
    try:
        return _Reader().read(content)
    except _RefusedError:
        raise
    except Exception as error:  # damaged pickles raise errors of any type
        raise ValueError(f"is a damaged pickle ({type(error).__name__}: {error})") from None


class _Reader:
    """The stack of values, those below each mark, and the values remembered by number."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.steps: dict[str, Callable[[Any], None]] = {
            "PROTO": self._nothing, "FRAME": self._nothing,
            "MARK": self._mark, "POP": self._pop, "POP_MARK": self._pop_mark,
            "MEMOIZE": self._memoize, "PUT": self._put, "BINPUT": self._put,
            "LONG_BINPUT": self._put,
            "GET": self._get, "BINGET": self._get, "LONG_BINGET": self._get,
            "APPEND": self._append, "APPENDS": self._appends, "TUPLE": self._tuple,
            "SETITEM": self._set_item, "SETITEMS": self._set_items,
            "GLOBAL": self._name, "STACK_GLOBAL": self._name_of_stack,
            "REDUCE": self._reduce, "BUILD": self._build,
        }  # fmt: skip

    def read(self, content: bytes) -> Any:
        """Return what the opcodes leave on the stack."""
        for opcode, argument, _ in pickletools.genops(content):
            name = opcode.name
            if name == "STOP":
                (value,) = self.stack
                return value
            if name in LITERALS:
                self.stack.append(argument)
            elif name in CONSTANTS:
                self.stack.append(CONSTANTS[name])
            elif name in EMPTY:
                self.stack.append(EMPTY[name]())
            elif name in TUPLES:
                self.stack[-TUPLES[name] :] = [tuple(self.stack[-TUPLES[name] :])]
            elif name in self.steps:
                self.steps[name](argument)
            else:
                raise ValueError(f"opcode {name} is not read")
        raise ValueError("it does not end")

    def _nothing(self, _: Any) -> None:
        pass

    def _mark(self, _: Any) -> None:
        self.below.append(self.stack)
        self.stack = []

    def _marked(self) -> list[Any]:
        """Return the values above the last mark, which is taken away."""
        values, self.stack = self.stack, self.below.pop()
        return values

    def _pop(self, _: Any) -> None:
        self.stack.pop()

    def _pop_mark(self, _: Any) -> None:
        self._marked()

    def _memoize(self, _: Any) -> None:
        self._put(len(self.memo))

    def _put(self, place: int) -> None:
        self.memo[place] = self.stack[-1]
        if isinstance(self.stack[-1], _Begun):
            self.stack[-1].places.append(place)

    def _get(self, place: int) -> None:
        self.stack.append(self.memo[place])

    def _append(self, _: Any) -> None:
        value = self.stack.pop()
        self._last(list).append(value)

    def _appends(self, _: Any) -> None:
        values = self._marked()
        self._last(list).extend(values)

    def _tuple(self, _: Any) -> None:
        values = self._marked()
        self.stack.append(tuple(values))

    def _set_item(self, _: Any) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._last(dict)[key] = value

    def _set_items(self, _: Any) -> None:
        values = self._marked()
        self._last(dict).update(zip(values[::2], values[1::2], strict=True))

    def _last(self, kind: type) -> Any:
        if not isinstance(self.stack[-1], kind):
            raise ValueError(f"{type(self.stack[-1]).__name__} where a {kind.__name__} is due")
        return self.stack[-1]

    def _name(self, name: str) -> None:
        if name not in NAMES:
            raise _RefusedError(
                f"asks for {name.replace(' ', '.')}, but only numpy arrays and plain containers "
                "are read"
            )
        self.stack.append(_Name(NAMES[name]))

    def _name_of_stack(self, _: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self._name(f"{module} {name}")

    def _reduce(self, _: Any) -> None:
        arguments, name = self.stack.pop(), self.stack.pop()
        if name == _Name("an empty array"):
            self.stack.append(_Begun())
        elif name == _Name("a type"):
            self.stack.append(_Begun(_numbers(arguments[0])))
        elif name == _Name("a scalar"):
            self.stack.append(_array((), *arguments)[()])
        else:
            raise ValueError("it calls what is not called")

    def _build(self, _: Any) -> None:
        state, begun = self.stack.pop(), self.stack.pop()
        if not isinstance(begun, _Begun):
            raise ValueError("it gives a state to what has none")
        made = _array(*_told(state)) if begun.dtype is None else _ordered(begun.dtype, state)
        self.stack.append(made)
        self.memo |= dict.fromkeys(begun.places, made)


def _numbers(code: object) -> np.dtype:
    if not isinstance(code, str) or not NUMBERS.fullmatch(code):
        told = repr(code) if isinstance(code, str) else "unknown"
        raise _RefusedError(f"holds values of type {told:.20}, but it must be an array of numbers")
    return np.dtype(code)


def _ordered(dtype: np.dtype, state: Any) -> np.dtype:
    """Return a type in the byte order of its state, which may hold nothing else."""
    _, order, *others = state
    if order not in ("<", ">", "|", "=") or others[:3] != [None, None, None]:
        raise ValueError("a type of numbers has a byte order and no more")
    return dtype.newbyteorder(order)


def _told(state: Any) -> tuple[Any, Any, Any, bool]:
    """Return shape, type, bytes and order of an array's state."""
    _, shape, dtype, fortran, content = state
    return shape, dtype, content, bool(fortran)


def _array(shape: Any, dtype: Any, content: Any, fortran: bool = False) -> np.ndarray:
    if not isinstance(dtype, np.dtype) or not isinstance(content, bytes):
        raise ValueError("an array is of a type and of bytes")
    if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError("an array has a shape")
    if math.prod(shape) * dtype.itemsize != len(content):
        raise ValueError(f"{len(content)} bytes are no array {list(shape)} of {dtype}")
    values = np.frombuffer(content, dtype)
    plain.check_values(values, "an array")
    values = values.astype(dtype.newbyteorder("="))  # a copy, in this machine's order
    return values.reshape(shape, order="F" if fortran else "C")
