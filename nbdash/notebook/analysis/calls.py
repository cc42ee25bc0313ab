"""Reads calls: what the tables know of a function or method, applied to its receiver and arguments."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from nbdash.notebook.analysis.expressions import ExpressionReader
from nbdash.notebook.analysis.facts import (
    CALLABLE,
    CUSTOM,
    DISPLAYS,
    FIGURE,
    ITERATOR,
    MARKS,
    NOTHING,
    NUMPY_STREAM,
    OPAQUE,
    STREAMS,
    Change,
    Doubt,
    Value,
    called_state,
    container,
    either,
    names_in,
)
from nbdash.notebook.analysis.forms import given_in, has_odd_form, leaves_of, magic_of, texts_in, words_of
from nbdash.notebook.analysis.scopes import free_names
from nbdash.notebook.analysis.tables import (
    ACTING_MAGICS,
    CONTAINER_METHODS,
    FRAME_READERS,
    FUNCTIONS,
    HARMLESS_MODULES,
    METHODS,
    NAMESPACE_READERS,
    SHOWING_MAGICS,
    SURVEYING_MAGICS,
    Behaviour,
    Result,
)

_WORD = re.compile(r"[^\W\d]\w*")
#: Keywords whose argument is written to.
_TARGETS = frozenset({"out"})
#: Keywords whose argument is drawn on.
_FIGURES = frozenset({"ax", "axes", "axs", "cax", "fig", "figure"})
#: Keywords by which a drawing moves its points at random.
_JITTERS = frozenset({"x_jitter", "y_jitter"})
#: What an iterator is, and none of what it gives.
_LAZY = STREAMS | {ITERATOR}
#: Keywords whose argument is called.
_CALLBACKS = frozenset({"key", "func", "aggfunc", "converters", "formatters", "default", "date_parser"})


@dataclass(frozen=True, kw_only=True)
class _Arguments:
    """A call's arguments, each with what it may share."""

    node: ast.Call
    positional: tuple[Value, ...]
    keywords: dict[str, Value]  #: ``**`` under the empty name

    @property
    def all(self) -> tuple[Value, ...]:
        return (*self.positional, *self.keywords.values())

    @property
    def first(self) -> Value:
        """The first argument, which may be given by any keyword."""
        return self.positional[0] if self.positional else either(NOTHING, *self.keywords.values())

    @property
    def data(self) -> tuple[Value, ...]:
        """Those that are not drawn on."""
        return (*self.positional, *(value for name, value in self.keywords.items() if name not in _FIGURES))

    def literal(self, name: str, default: object = None) -> object:
        """The literal given for a keyword; ``...`` if what is given is no literal."""
        for keyword in self.node.keywords:
            if keyword.arg == name:
                return keyword.value.value if isinstance(keyword.value, ast.Constant) else ...
        return default


class CallReader(ExpressionReader):
    """An expression reader that knows what is called."""

    def visit_Call(self, node: ast.Call) -> Value:
        if (magic := magic_of(node)) is not None:
            return self._read_magic(*magic)
        dotted = self.dotted(node.func)
        if dotted == "builtins.open":
            return self._read_open(node)
        if dotted is not None:
            behaviour = self.known_function(dotted)
            if behaviour is None or behaviour.manages or has_odd_form(node, dotted):
                return self._read_unknown(node)
            self.visit(node.func)
            return self._read_known(node, behaviour, None)
        if isinstance(node.func, ast.Attribute):
            behaviour = self._method(node, node.func.attr)
            if behaviour is not None:
                return self._read_known(node, behaviour, self.value_of(node.func.value))
        return self._read_unknown(node)

    def read_manager(self, node: ast.expr) -> Value | None:
        """The value of a known context manager that is entered right away; None for anything else."""
        behaviour = self.known_function(self.dotted(node.func) or "") if isinstance(node, ast.Call) else None
        if not isinstance(node, ast.Call) or behaviour is None or not behaviour.manages:
            return None
        self.visit(node.func)
        return self._read_known(node, behaviour, None)

    def known_function(self, dotted: str) -> Behaviour | None:
        """What a function does, unless the notebook puts another in its place."""
        return None if dotted.rpartition(".")[2] in self.names.stored else FUNCTIONS.get(dotted)

    def _method(self, node: ast.Call, name: str) -> Behaviour | None:
        is_own = name in self.names.methods or self.names.gives_any or self.names.is_doubtful(node.func)
        return None if is_own or has_odd_form(node, name) else METHODS.get(name)

    # --- known calls ---

    def _read_known(self, node: ast.Call, behaviour: Behaviour, receiver: Value | None) -> Value:
        arguments = self._read_arguments(node)
        subject = arguments.first if receiver is None else receiver
        lambdas = self._read_lambdas(node, (subject, *arguments.all))
        self._note_changes(behaviour, subject, arguments)
        self._note_callbacks(node, behaviour)
        if receiver is not None:
            self._note_touching(receiver)
        if behaviour.draws:
            self._note_all_drawing(behaviour, receiver, arguments)
        if behaviour.shows:
            self._note_display(arguments)
        if behaviour.reads_texts:
            self.note_texts(node)
        self._note_stream(behaviour, arguments)
        return self._result(behaviour, (subject, *arguments.all, lambdas), arguments)

    def _read_arguments(self, node: ast.Call) -> _Arguments:
        """The arguments' values; lambdas are read when it is known what they are called with."""
        return _Arguments(
            node=node,
            positional=tuple(self.value_of(arg) for arg in node.args if not isinstance(arg, ast.Lambda)),
            keywords={
                keyword.arg or "": self.value_of(keyword.value)
                for keyword in node.keywords
                if not isinstance(keyword.value, ast.Lambda)
            },
        )

    def _read_lambdas(self, node: ast.Call, participants: tuple[Value, ...]) -> Value:
        """A lambda that is an argument is called, now or later, with anything that the call has to do with."""
        used = NOTHING
        for argument in given_in(node):
            if isinstance(argument, ast.Lambda):
                used = container(used, self.captured(free_names(argument)))
                parameters = [arg.arg for arg in ast.walk(argument.args) if isinstance(arg, ast.arg)]
                anything = container(*participants).part
                self.generic_visit_defaults(argument.args)
                with self.inner_scope(dict.fromkeys(parameters, anything)), self.perhaps():
                    self.visit(argument.body)
        return Value(holds=used.holds - self.names.modules.keys() - {CALLABLE})

    def generic_visit_defaults(self, arguments: ast.arguments) -> Value:
        """Defaults are evaluated where the function is made."""
        defaults = [*arguments.defaults, *(node for node in arguments.kw_defaults if node)]
        return container(*[self.value_of(node) for node in defaults])

    def _note_changes(self, behaviour: Behaviour, subject: Value, arguments: _Arguments) -> None:
        if behaviour.mutates:
            self.note_change(subject, deep=behaviour.is_deep)
            self.note_holding(subject, *arguments.all)
        if behaviour.uses_up:
            self.note_change(subject, deep=True, marks=frozenset({OPAQUE, ITERATOR}))
        if behaviour.is_common:
            self._note_doubt(subject, frozenset({OPAQUE}), words_of(arguments.node))
        if arguments.literal("inplace", False) is not False or "" in arguments.keywords:
            self.note_change(subject)
        for name, value in arguments.keywords.items():
            if name in _FIGURES:
                self._note_drawing(value, subject, *arguments.data)
            elif name in _TARGETS or name == "":
                self.note_change(value, deep=True)
        if not behaviour.looks:
            self.note_iteration(subject, perhaps=True)
            for value in arguments.all:
                self.note_iteration(value, perhaps=not behaviour.iterates)

    def _note_callbacks(self, node: ast.Call, behaviour: Behaviour) -> None:
        """Code of the notebook's own among the arguments may be called, with unknown effect."""
        if behaviour.looks:
            return
        callbacks = {leaf for word in node.keywords if word.arg in _CALLBACKS for leaf in leaves_of(word.value)}
        for argument in (leaf for given in given_in(node) for leaf in leaves_of(given)):
            is_called = behaviour.calls_back or argument in callbacks
            dotted = self.dotted(argument)
            known = self.known_function(dotted or "")
            if isinstance(argument, ast.Lambda) or (known and known.is_pure):
                continue
            if known or (is_called and self._is_strange(argument)):
                self.facts.effects.append(words_of(node))
            value = self._quietly(argument)
            if is_called:
                self._note_doubt(value, frozenset({CALLABLE, OPAQUE}), words_of(node))
            else:
                self._note_doubt(Value(aliases=value.aliases), frozenset({CALLABLE}), words_of(node), own=True)

    def _is_strange(self, callback: ast.expr) -> bool:
        """Whether it is a function of a module, or a method of an object, that may do more than compute."""
        dotted = self.dotted(callback)
        if dotted is not None:
            return not dotted.startswith("builtins.")
        if not isinstance(callback, ast.Attribute):
            return False
        method = METHODS.get(callback.attr)
        return not method.is_pure if method else callback.attr in CONTAINER_METHODS

    def _quietly(self, node: ast.expr) -> Value:
        """The value of an expression that was read before."""
        facts, self.facts = self.facts, type(self.facts)()
        value = self.value_of(node)
        self.facts = facts
        return value

    def _note_doubt(self, value: Value, marks: frozenset[str], words: str, *, own: bool = False) -> None:
        self.facts.doubts += [
            Doubt(name=name, inner=value.inner or name in value.holds, own=own, marks=marks, words=words)
            for name in sorted(value.names)
        ]

    def _note_all_drawing(self, behaviour: Behaviour, receiver: Value | None, arguments: _Arguments) -> None:
        """A drawing may go to the receiver and to any figure among the arguments."""
        self.facts.draws = True
        if receiver is not None:
            self._note_drawing(receiver, *arguments.data)
        elif behaviour.draws_on_first:
            self._note_drawing(arguments.first, *arguments.data)
        for value in arguments.positional:
            self._note_touching(value)

    def _note_touching(self, figure: Value) -> None:
        """What is known as a figure may change."""
        self.note_change(figure, deep=True, marks=frozenset({FIGURE}), own=True)

    def _note_drawing(self, figure: Value, *data: Value) -> None:
        """Drawing changes figures, never the data that they hold."""
        self.note_change(figure, deep=True, marks=frozenset({FIGURE, OPAQUE}))
        self.note_holding(figure, *data)

    def _note_display(self, arguments: _Arguments) -> None:
        for value in arguments.positional:
            self.note_change(value, marks=frozenset({FIGURE}))
        if "display_id" in arguments.keywords:
            self.facts.effects.append("makes a display that can be updated")

    def _note_stream(self, behaviour: Behaviour, arguments: _Arguments) -> None:
        if behaviour.seeds:
            self.facts.effects.append("seeds random numbers")
            self.bind(behaviour.seeds, NOTHING)
        stream = NUMPY_STREAM if _JITTERS & arguments.keywords.keys() else behaviour.stream
        if not stream or isinstance(arguments.literal("random_state"), int):
            return
        self.note_change(arguments.keywords.get("random_state", NOTHING))
        self.note_read(stream)
        self.facts.changes.append(Change(name=stream))

    def _read_open(self, node: ast.Call) -> Value:
        """``open``: harmless for reading."""
        arguments = self._read_arguments(node)
        mode = node.args[1] if len(node.args) > 1 else None
        given = arguments.literal("mode", "r")
        if mode is not None:
            given = mode.value if isinstance(mode, ast.Constant) else ...
        is_plain = not any(isinstance(argument, ast.Starred) for argument in node.args) and "" not in arguments.keywords
        if is_plain and isinstance(given, str) and not set(given) - set("rbt"):
            return container(*arguments.all, marks=frozenset({OPAQUE}))
        self.facts.effects.append("writes a file")
        return container(*arguments.all, marks=frozenset({OPAQUE, CUSTOM}))  # closing it writes what is left

    def _result(self, behaviour: Behaviour, participants: tuple[Value, ...], arguments: _Arguments) -> Value:
        marks = behaviour.gives
        if behaviour.draws:
            marks |= {FIGURE, *self.drawn}
        if any(name in arguments.keywords for name in ("chunksize", "iterator")):
            marks |= {ITERATOR}
        if "display_id" in arguments.keywords:
            return Value(aliases=frozenset({DISPLAYS}))
        shares = behaviour.result
        if arguments.literal("copy", True) is not True:
            shares = Result.ITSELF
        if shares is Result.NOTHING:
            return Value(holds=marks)
        if behaviour.iterates and not behaviour.lazy:  # what was gone through is not kept
            participants = tuple(Value(aliases=value.aliases, holds=value.holds - _LAZY) for value in participants)
        everything = container(*participants, marks=marks)
        return everything.part if shares is Result.ITSELF else everything

    # --- unknown calls ---

    def _read_unknown(self, node: ast.Call) -> Value:
        """Anything may happen to what takes part, and all of it may be kept by any of it."""
        self.facts.effects.append(words_of(node))
        self.facts.reads |= STREAMS - self.bound
        self.note_texts(node)
        taking_part = names_in((self.value_of(node.func), *self._read_arguments(node).all, *self._lambdas_of(node)))
        names = frozenset(
            called_state(name) if name in self.names.functions else name
            for name in taking_part - MARKS - STREAMS
            if not self._is_harmless_module(name) or ast.unparse(node.func).rpartition(".")[2].startswith("get")
        )  # what a module makes is new, but what one gets from it is its own
        self.drawn |= names
        first = min(names, default="")
        self.facts.aliases |= {(first, name) for name in names if name != first}
        self.facts.holds |= {(name, OPAQUE) for name in names}  # inside; what they are themselves they stay
        return Value(aliases=names, holds=(taking_part & MARKS) - {CALLABLE} | {OPAQUE}, inner=True)

    def _lambdas_of(self, node: ast.Call) -> list[Value]:
        return [self.value_of(argument) for argument in given_in(node) if isinstance(argument, ast.Lambda)]

    def _is_harmless_module(self, name: str) -> bool:
        return self.names.modules.get(name, "").partition(".")[0] in HARMLESS_MODULES

    def note_texts(self, node: ast.Call) -> None:
        """An unknown function may look names up by the texts it is given, as ``df.query("x > @limit")`` does."""
        given = given_in(node)
        words = {word for argument in given for text in texts_in(argument) for word in _WORD.findall(text)}
        self.facts.reads |= words & self.names.bound - self.bound
        self.facts.later_reads |= words & self.names.bound
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        is_dynamic = bool(given) and not isinstance(given[0], ast.Constant)
        self.facts.surveys |= name in FRAME_READERS and is_dynamic
        self.facts.surveys |= name in NAMESPACE_READERS and name not in self.names.bound

    def _read_magic(self, name: str, text: str) -> Value:
        """A magic or, under the name ``!``, a command of the system."""
        words = set(_WORD.findall(text)) & self.names.bound
        self.facts.later_reads |= words
        self.facts.surveys |= name in SURVEYING_MAGICS or (name == "run" and "-i" in text)
        if name == "!":
            self.facts.effects.append("runs a command")
        elif name not in SHOWING_MAGICS or (name in ACTING_MAGICS and text):
            self.facts.effects.append(f"magic `%{name}`")
        return Value(holds=frozenset({OPAQUE}))
