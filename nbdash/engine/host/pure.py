"""Functions of a notebook's own that compute their result from their arguments and do nothing else, as formatters do.

Known by their instructions: each is on a list, and so is what they call.  What is on no list may do anything.
"""

from __future__ import annotations

import builtins
import dis
import inspect
import types
from typing import Any

#: Flags of generators and coroutines.
_SPECIAL = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ITERABLE_COROUTINE | inspect.CO_ASYNC_GENERATOR
_PLAIN = (int, float, str, bool, type(None))
#: Instructions that only move values about, or compute with them; of Python 3.8 to 3.14.
_COMPUTING = frozenset(
    """
    BINARY_OP BINARY_SUBSCR BINARY_SLICE BUILD_LIST BUILD_MAP BUILD_SLICE BUILD_STRING BUILD_TUPLE CACHE CALL
    CALL_FUNCTION CALL_FUNCTION_KW CALL_KW CALL_METHOD COMPARE_OP CONTAINS_OP CONVERT_VALUE COPY DUP_TOP DUP_TOP_TWO
    EXTENDED_ARG FORMAT_SIMPLE FORMAT_VALUE FORMAT_WITH_SPEC IS_OP JUMP_FORWARD JUMP_IF_FALSE_OR_POP
    JUMP_IF_TRUE_OR_POP KW_NAMES LIST_EXTEND LOAD_COMMON_CONSTANT LOAD_CONST LOAD_FAST LOAD_FAST_BORROW
    LOAD_FAST_BORROW_LOAD_FAST_BORROW LOAD_FAST_CHECK LOAD_FAST_LOAD_FAST LOAD_SMALL_INT NOP NOT_TAKEN
    POP_JUMP_FORWARD_IF_FALSE POP_JUMP_FORWARD_IF_NONE POP_JUMP_FORWARD_IF_NOT_NONE POP_JUMP_FORWARD_IF_TRUE
    POP_JUMP_IF_FALSE POP_JUMP_IF_NONE POP_JUMP_IF_NOT_NONE POP_JUMP_IF_TRUE POP_TOP PRECALL PUSH_NULL RESUME
    RETURN_CONST RETURN_VALUE ROT_THREE ROT_TWO STORE_FAST STORE_FAST_LOAD_FAST STORE_FAST_STORE_FAST SWAP TO_BOOL
    UNARY_INVERT UNARY_NEGATIVE UNARY_NOT UNARY_POSITIVE UNPACK_SEQUENCE
    BINARY_ADD BINARY_SUBTRACT BINARY_MULTIPLY BINARY_TRUE_DIVIDE BINARY_FLOOR_DIVIDE BINARY_MODULO BINARY_POWER
    """.split()
)
_FUNCTIONS = {
    name: getattr(builtins, name)
    for name in ("abs", "bool", "divmod", "float", "format", "int", "len", "max", "min", "pow", "round", "str")
}
_METHODS = frozenset("format is_integer join ljust lower lstrip replace rjust rstrip strip title upper zfill".split())


def is_pure(function: types.FunctionType) -> bool:
    """Whether calling it can be seen by nobody, and gives the same whenever it is called with the same numbers."""
    code = function.__code__
    defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    if code.co_freevars or code.co_cellvars or function.__dict__ or code.co_flags & _SPECIAL:
        return False
    return all(map(_is_plain, defaults)) and all(_is_pure(each, function) for each in dis.get_instructions(code))


def _is_plain(value: Any) -> bool:
    return type(value) in _PLAIN


def _is_pure(instruction: dis.Instruction, function: types.FunctionType) -> bool:
    match instruction.opname:
        case "LOAD_GLOBAL":
            return _is_known(str(instruction.argval), function)
        case "LOAD_ATTR" | "LOAD_METHOD":
            return instruction.argval in _METHODS
        case "BINARY_OP":
            return not instruction.argrepr.endswith("=")  # which changes an argument, if that is an array
    return instruction.opname in _COMPUTING


def _is_known(name: str, function: types.FunctionType) -> bool:
    """Whether a global name is the builtin function that it seems to be."""
    own = function.__globals__
    return name in _FUNCTIONS and name not in own and getattr(builtins, name, None) is _FUNCTIONS[name]
