"""Calling a user's routing rule from kernels: through an address, which is data, so kernels keep their signatures.

A rule in the subset of numba is compiled; any other is called back in Python, through ctypes. Either way it is called
like ``int64 rule(int64 replicas, int64 *outstanding, int64 turn, double u, double v)``, and answers RAISED where it
raises. With the JIT off, addresses are called through ctypes.
"""

import ctypes
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import config
from numba.extending import intrinsic

from simulator.base.errors import PluginError
from simulator.core.jit import formula
from simulator.core.plan import I8, Plan, Rows, Rule
from simulator.plugins.calls import line_of

#: What a rule that raised answers; no replica has this index.
RAISED = -(2**62)

#: Rows of ``fault``, (SEEN + most replicas,) int64: whether there is one; its query, stage and shard; what the rule was
#: called with (u and v times 2^53) and what it answered; from SEEN on, what was outstanding.
IS, QUERY, STAGE, SHARD, REPLICAS, TURN, U, V, ANSWER = range(9)
SEEN = 9
#: Of what was outstanding, so many counts are told.
TOLD = 8

_PROTOTYPE = ctypes.CFUNCTYPE(
    ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64, ctypes.c_double, ctypes.c_double
)
_types: Any = types
_READ_ONLY = types.Array(types.int64, 1, "C", readonly=True)
_ARGUMENTS = (types.int64, _READ_ONLY, types.int64, types.float64, types.float64)
_C_SIGNATURE = types.int64(types.int64, _types.CPointer(types.int64), types.int64, types.float64, types.float64)


_settings: Any = config
_numba: Any = numba
_intrinsic: Any = intrinsic

if _settings.DISABLE_JIT:

    def call_rule(address: int, replicas: int, outstanding: I8, first: int, turn: int, u: float, v: float) -> Any:
        """What the rule at an address answers; arguments as of ``rules.choose``."""
        return _PROTOTYPE(int(address))(replicas, outstanding.ctypes.data + 8 * int(first), int(turn), u, v)

else:  # pragma: no cover (only with the compiler on)

    @_intrinsic  # type: ignore[untyped-decorator,unused-ignore]
    def _call(_: Any, address: Any, replicas: Any, outstanding: Any, first: Any, turn: Any, u: Any, v: Any) -> Any:
        whole, real = types.int64, types.float64
        signature = whole(whole, whole, outstanding, whole, whole, real, real)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            address, replicas, array, first, turn, u, v = arguments
            values = context.make_array(signature.args[2])(context, builder, array).data
            pointer = builder.gep(values, [first])
            kinds = [replicas.type, pointer.type, turn.type, u.type, v.type]
            function = builder.inttoptr(address, ir.FunctionType(ir.IntType(64), kinds).as_pointer())
            return builder.call(function, [replicas, pointer, turn, u, v])

        return signature, generate

    @formula
    def call_rule(address: int, replicas: int, outstanding: I8, first: int, turn: int, u: float, v: float) -> Any:
        """What the rule at an address answers; arguments as of ``rules.choose``."""
        return _call(address, replicas, outstanding, first, turn, u, v)


@dataclass(frozen=True)
class Compiled:
    """A rule in machine code, or why there is none."""

    code: Any  #: what the address belongs to
    address: int
    why_not: str


@lru_cache(maxsize=64)
def compiled(function: Callable[..., Any]) -> Compiled:
    """Compile a rule, if it is in the subset of numba; reads beyond the array raise."""
    if _settings.DISABLE_JIT:
        return Compiled(None, 0, "")
    with warnings.catch_warnings():  # pragma: no cover (from here on only with the compiler on)
        warnings.simplefilter("ignore")
        try:
            rule = _numba.njit(_ARGUMENTS, boundscheck=True)(getattr(function, "py_func", function))
            (overload,) = rule.overloads.values()
            if not isinstance(overload.signature.return_type, types.Integer):
                return Compiled(None, 0, f"it gives {overload.signature.return_type}, not always an integer")

            @_numba.cfunc(_C_SIGNATURE)  # type: ignore[untyped-decorator,unused-ignore]
            def call(replicas: int, pointer: Any, turn: int, u: float, v: float) -> Any:
                try:
                    return types.int64(rule(replicas, _numba.carray(pointer, (replicas,)), turn, u, v))
                except Exception:  # noqa: BLE001 (all that numba knows)
                    return RAISED

        except Exception as error:  # noqa: BLE001 (numba has errors of its own, and others)
            return Compiled(None, 0, _reason(error))
    code: Any = call  # pragma: no cover (only with the compiler on)
    return Compiled(code, int(code.address), "")  # pragma: no cover (only with the compiler on)


#: How lines of such a message begin that say nothing to a user.
_UNTOLD = ("Failed in ", "- Resolution failure", "No ", "During: ", "File ")


def _reason(error: Exception) -> str:  # pragma: no cover (only with the compiler on)
    """The line of a message of numba that says what it does not know."""
    lines = [" ".join(re.sub(r"\x1b\[[0-9;]*m", "", line).split()) for line in str(error).splitlines()]
    told = [line for line in lines if line and not line.startswith(_UNTOLD)]
    return (told or [type(error).__name__])[0][:120]


def why_not_compiled(plan: Plan) -> str:
    """The first rule of a plan that only the reference engine knows, and why; empty: there is none."""
    for rule in plan.rules:
        reason = "" if rule is None else compiled(rule.function).why_not
        if rule is not None and reason:  # pragma: no cover (only with the compiler on)
            return f"the rule {rule.name}, which numba does not compile ({reason})"
    return ""


class NotAnIndex(TypeError):
    """A rule answers no integer."""


def _plain(rule: Rule) -> Callable[..., Any]:
    """The function as its author wrote it."""
    return getattr(rule.function, "py_func", rule.function)


class Calls:
    """The rules of a plan as one run calls them, and the first call that went wrong."""

    def __init__(self, plan: Plan) -> None:
        self.rules = plan.rules
        self.raised: list[BaseException] = []
        self.callbacks: list[Any] = []  #: kept while their addresses are in use
        self.stages: Rows = np.array(plan.stages)  #: of the plan, with the addresses of rules
        self.stages["address"] = [self._address(rule) for rule in plan.rules]
        self.stages.flags.writeable = False
        self.fault: I8 = np.zeros(SEEN + int(plan.stages["replicas"].max()), dtype=np.int64)

    def _address(self, rule: Rule | None) -> int:
        if rule is None:
            return 0
        code = compiled(rule.function)
        if code.address:  # pragma: no cover (only with the compiler on)
            return code.address
        callback = _PROTOTYPE(self._in_python(_plain(rule)))
        self.callbacks.append(callback)
        address = ctypes.cast(callback, ctypes.c_void_p).value
        assert address is not None
        return address

    def _in_python(self, function: Callable[..., Any]) -> Callable[..., int]:
        def call(replicas: int, pointer: int, turn: int, u: float, v: float) -> int:
            try:
                outstanding = np.ctypeslib.as_array(ctypes.cast(pointer, ctypes.POINTER(ctypes.c_int64)), (replicas,))
                outstanding.flags.writeable = False
                answer = function(replicas, outstanding, turn, u, v)
                if isinstance(answer, bool) or not isinstance(answer, (int, np.integer)):
                    raise NotAnIndex(f"{answer!r}, not an integer,")
                return min(max(int(answer), -1), 2**62)
            except BaseException as error:  # noqa: BLE001 (no exception crosses a C call)
                self.raised.append(error)
                return RAISED

        return call

    def check(self) -> None:
        """Raise PluginError if a rule raised, or named a replica that there is not; KeyboardInterrupt as it is."""
        if self.fault[IS] == 0:
            return
        query, stage, shard, replicas, turn, u, v, answer = (int(number) for number in self.fault[QUERY:SEEN])
        rule = self.rules[stage]
        assert rule is not None, "only a user's rule goes wrong"
        seen, luck = self.fault[SEEN : SEEN + replicas].copy(), (u * 2.0**-53, v * 2.0**-53)
        told = ", ".join([*map(str, seen[:TOLD]), *(["..."] if replicas > TOLD else [])])
        where = f"for query {query} at shard {shard} of stages[{stage}]"
        cure = f"it must give an index from 0 to {replicas - 1}: correct it"
        asked = f"asked with ({replicas}, [{told}], {turn}, {luck[0]:.6g}, {luck[1]:.6g}), {cure}"
        if answer != RAISED:
            raise PluginError(f"{rule.name}: gives {answer} {where}; {asked}")
        if not self.raised:  # pragma: no cover (only with the compiler on)
            # compiled, an exception has no text; in Python the same call raises it once more
            self._in_python(_plain(rule))(replicas, seen.ctypes.data, turn, *luck)
        if not self.raised:  # pragma: no cover (only with the compiler on)
            raise PluginError(f"{rule.name}: raised an exception {where}, and only when compiled; {asked}")
        error = self.raised[0]
        if isinstance(error, KeyboardInterrupt):
            raise error
        if isinstance(error, NotAnIndex):
            raise PluginError(f"{rule.name}: gives {error} {where}; {asked}") from error
        said = f"{type(error).__name__} ({' '.join(str(error).split())}){line_of(error)}"
        raise PluginError(f"{rule.name}: raised {said} {where}; {asked}") from error
