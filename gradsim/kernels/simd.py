"""A vector of floats as a Numba value, so that a kernel says what stays in registers.

It is LLVM's own vector type: every processor gets code for the registers that it has.

Numba turns ``for j in range(n): a[j] += w[j]`` inside a loop over events into a load and a store of
``a`` per event. With these vectors the sum stays in registers until the loop ends, which is where
the time of an event-driven kernel goes. LLVM splits a vector that is wider than a register of the
processor; nothing here depends on one instruction set.

A vector is made by `zeros`, `splat` or `load`; the latter two make one like their first argument.
"""

from __future__ import annotations

import operator
from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel import register_default
from numba.core.datamodel.models import PrimitiveModel
from numba.extending import intrinsic, overload
from numba.np.arrayobj import make_array

_FEATURES = llvmlite.binding.get_host_cpu_features()
REGISTER_BYTES = 64 if _FEATURES.get("avx512f") else 32 if _FEATURES.get("avx") else 16
NARROW = REGISTER_BYTES
MEDIUM = 2 * REGISTER_BYTES
WIDE = 4 * REGISTER_BYTES
"""Four registers: enough independent sums to hide the latency of an addition."""


class Vector(types.Type):
    """Numba's type of a vector: ``lanes`` elements of type ``element``."""

    def __init__(self, element: types.Float, lanes: int) -> None:
        self.element = element
        self.lanes = lanes
        super().__init__(name=f"Vector({element}, {lanes})")

    def llvm(self) -> ir.VectorType:
        """Return the LLVM type."""
        scalar = ir.FloatType() if self.element.bitwidth == 32 else ir.DoubleType()
        return ir.VectorType(scalar, self.lanes)


@register_default(Vector)
class _VectorModel(PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: Vector) -> None:
        super().__init__(dmm, fe_type, fe_type.llvm())


@intrinsic(prefer_literal=True)
def zeros(_typing: Any, where: types.CPointer, n_bytes: types.IntegerLiteral) -> Any:
    """Return zeros that fill ``n_bytes``, one of `NARROW`, `MEDIUM` and `WIDE`."""
    vector = Vector(where.dtype, n_bytes.literal_value * 8 // where.dtype.bitwidth)

    def codegen(_context: Any, _builder: Any, _signature: Any, _args: Any) -> Any:
        return ir.Constant(vector.llvm(), None)

    return vector(where, n_bytes), codegen


@intrinsic
def lanes(_typing: Any, like: Vector) -> Any:
    """Return the number of elements of a vector."""

    def codegen(_context: Any, _builder: Any, _signature: Any, _args: Any) -> Any:
        return ir.Constant(ir.IntType(64), like.lanes)

    return types.int64(like), codegen


@intrinsic
def pointer(_typing: Any, array: types.Array) -> Any:
    """Return the address of an array's first element.

    Numba counts references to arrays, even in the innermost loop where structures are taken apart;
    a pointer is a number. It does not keep the array alive: take it of arguments only.
    """
    if not array.is_c_contig:
        raise TypeError("only contiguous arrays have one pointer")

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return make_array(signature.args[0])(context, builder, args[0]).data

    return types.CPointer(array.dtype)(array), codegen


@intrinsic
def get(_typing: Any, where: types.CPointer, index: types.Integer) -> Any:
    """Return one element."""

    def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.load(builder.gep(args[0], [args[1]], inbounds=True))

    return where.dtype(where, types.int64), codegen


@intrinsic
def put(_typing: Any, where: types.CPointer, index: types.Integer, value: types.Number) -> Any:
    """Write one element."""

    def codegen(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        builder.store(args[2], builder.gep(args[0], [args[1]], inbounds=True))
        return context.get_dummy_value()

    return types.void(where, types.int64, where.dtype), codegen


def _vector_at(builder: Any, where: Any, index: Any, vector: Vector) -> Any:
    element = builder.gep(where, [index], inbounds=True)
    return builder.bitcast(element, vector.llvm().as_pointer())


@intrinsic
def load(_typing: Any, like: Vector, where: types.CPointer, index: types.Integer) -> Any:
    """Return as many elements from ``index`` on as ``like`` has."""

    def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        place = _vector_at(builder, args[1], args[2], like)
        return builder.load(place, align=like.element.bitwidth // 8)

    return like(like, where, types.int64), codegen


@intrinsic
def store(_typing: Any, where: types.CPointer, index: types.Integer, value: Vector) -> Any:
    """Write a vector from ``index`` on."""

    def codegen(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        place = _vector_at(builder, args[0], args[1], value)
        builder.store(args[2], place, align=value.element.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(where, types.int64, value), codegen


@intrinsic
def splat(_typing: Any, like: Vector, value: types.Number) -> Any:
    """Return a vector with the same number in all its elements."""

    def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        undefined = ir.Constant(like.llvm(), ir.Undefined)
        first = builder.insert_element(undefined, args[1], ir.Constant(ir.IntType(32), 0))
        pick = ir.Constant(ir.VectorType(ir.IntType(32), like.lanes), None)
        return builder.shuffle_vector(first, undefined, pick)

    return like(like, like.element), codegen


@intrinsic
def fma(_typing: Any, a: Vector, b: Vector, c: Vector) -> Any:
    """Return ``a b + c``, in one rounding where the processor has it."""

    def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        kind = "f32" if a.element.bitwidth == 32 else "f64"
        vector = a.llvm()
        function = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(vector, [vector] * 3),
            f"llvm.fmuladd.v{a.lanes}{kind}",
        )
        return builder.call(function, args)

    return a(a, b, c), codegen


@intrinsic
def divide(_typing: Any, a: Vector, b: Vector) -> Any:
    """Return ``a / b``; in single precision to one unit in the last place or so.

    A reciprocal estimate with a Newton step takes a third of the time of a division.
    """

    def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.fdiv(
            *args, flags=("arcp", "afn", "reassoc", "nsz", "contract", "nnan", "ninf")
        )

    return a(a, b), codegen


@intrinsic
def absolute(_typing: Any, a: Vector) -> Any:
    """Return |a|."""

    def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        kind = "f32" if a.element.bitwidth == 32 else "f64"
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(a.llvm(), [a.llvm()]), f"llvm.fabs.v{a.lanes}{kind}"
        )
        return builder.call(function, args)

    return a(a), codegen


@intrinsic
def above(_typing: Any, a: Vector, b: Vector) -> Any:
    """Return a bit mask, lowest bit first: where ``a > b``."""
    if a.lanes > 64:
        raise ValueError("a mask has at most 64 bits")

    def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        mask = builder.bitcast(builder.fcmp_ordered(">", *args), ir.IntType(a.lanes))
        return mask if a.lanes == 64 else builder.zext(mask, ir.IntType(64))

    return types.uint64(a, b), codegen


@intrinsic
def choose(_typing: Any, mask: types.Integer, a: Vector, b: Vector) -> Any:
    """Return ``a`` where the bit of a mask made by `above` is set, else ``b``."""

    def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        bits = args[0] if a.lanes == 64 else builder.trunc(args[0], ir.IntType(a.lanes))
        return builder.select(
            builder.bitcast(bits, ir.VectorType(ir.IntType(1), a.lanes)), args[1], args[2]
        )

    return a(types.uint64, a, b), codegen


@intrinsic
def lowest_bit(_typing: Any, mask: types.Integer) -> Any:
    """Return the place of the lowest bit that is set; the mask must not be 0."""

    def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), codegen


def _arithmetic(operation: Any, instruction: str) -> None:
    @intrinsic
    def apply(_typing: Any, a: Vector, b: Vector) -> Any:
        def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
            return getattr(builder, instruction)(*args)

        return a(a, b), codegen

    @overload(operation)
    def _operator(a, b):  # without types, as Numba compares the two signatures
        if isinstance(a, Vector) and isinstance(b, Vector):
            return lambda a, b: apply(a, b)
        return None


_arithmetic(operator.add, "fadd")
_arithmetic(operator.sub, "fsub")
_arithmetic(operator.mul, "fmul")
