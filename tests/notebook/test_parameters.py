"""Parameters: found, checked, and injected as papermill does, as data only."""

from __future__ import annotations

import ast
import math
import time
from typing import Any

import nbformat
import pytest
from notebook_cells import Part, code, markdown, notebook_of

from nbdash.errors import ParameterError
from nbdash.model import Notebook, Parameter, Role
from nbdash.notebook import canonical_key, cast_value, find_parameters, inject_parameters, resolve_values
from nbdash.notebook.literals import python_literal

IN_R = {"language_info": {"name": "R"}}


def parameters_of(source: str) -> dict[str, Parameter]:
    return {parameter.name: parameter for parameter in find_parameters(notebook_of((source, "parameters")))}


@pytest.mark.parametrize(
    ("source", "default", "written", "kind", "description"),
    [
        ("a = 5", 5, "5", "int", ""),
        ("a = 5  # how many", 5, "5", "int", "how many"),
        ("a: float = 5", 5, "5", "float", ""),
        ("a = 5  # type: float how much", 5, "5", "float", "how much"),
        ("a: int = 5  # type: float", 5, "5", "int", ""),
        ("a = -1.5", -1.5, "-1.5", "float", ""),
        ("a = 'x'", "x", "'x'", "str", ""),
        ("a = True", True, "True", "bool", ""),
        ("a = None", None, "None", None, ""),
        ("a: str | None = None", None, "None", "str | None", ""),
        ("a = [\n    1,\n    2,\n]  # list", [1, 2], "[\n    1,\n    2,\n]", "list", "list"),
        ("a = (1, 2)", [1, 2], "(1, 2)", "list", ""),
        ("a = {'k': 1}", {"k": 1}, "{'k': 1}", "dict", ""),
        ("a = date(2024, 1, 1)", None, "date(2024, 1, 1)", None, ""),
        ("a = {1, 2}", None, "{1, 2}", None, ""),
        ("a = b'x'", None, "b'x'", None, ""),
        ("a = 1\na = 2", 2, "2", "int", ""),
        ("\n\n#| title: T\na = 1", 1, "1", "int", ""),
        ("%matplotlib inline\na = 1", 1, "1", "int", ""),
        ("%time a = 1", 1, "1", "int", ""),
        ("# ü\r\na = ('é',\r\n  'ß')  # ä", ["é", "ß"], "('é',\n  'ß')", "list", "ä"),
        ("'\u2028\x0c'; a = 'é'", "é", "'é'", "str", ""),
    ],
)
def test_a_parameter(source: str, default: Any, written: str, kind: str | None, description: str) -> None:
    expected = Parameter(name="a", default=default, source=written, type=kind, help=description)
    assert parameters_of(source) == {"a": expected}


@pytest.mark.parametrize(
    "source",
    [
        "a = b = 1",
        "a, b = 1, 2",
        "a: int",
        "x.a = 1",
        "a += 1",
        "print(1)",
        "def f(:",
        "__a__ = 1",
        "%%bash\na=1",
        "",
    ],
)
def test_what_is_no_parameter(source: str) -> None:
    assert parameters_of(source) == {}


def test_thousands_of_parameters_are_read_at_once() -> None:
    begin = time.process_time()
    assert len(parameters_of("\n".join(f"a{number} = 'x'" for number in range(3000)))) == 3000
    assert time.process_time() - begin < 5  # it was minutes when each looked through the whole cell


def test_only_the_first_parameters_cell_of_a_python_notebook_counts() -> None:
    assert [
        p.name for p in find_parameters(notebook_of("x = 1", ("a = 1", "parameters"), ("b = 1", "parameters")))
    ] == ["a"]
    assert find_parameters(notebook_of("a = 1")) == ()
    assert find_parameters(notebook_of(("a = 1", "parameters"), metadata={"language_info": {"name": "R"}})) == ()


# --- injecting ---


def roles(notebook: Notebook) -> list[str]:
    return [cell.role.value for cell in notebook.cells]


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (["x", ("a = 1", "parameters"), "y"], ["plain", "parameters", "injected-parameters", "plain"]),
        (
            [("a = 1", "parameters"), "x", ("a = 2", "injected-parameters")],
            ["parameters", "plain", "injected-parameters"],
        ),
        ([("a = 2", "injected-parameters"), "x"], ["injected-parameters", "plain"]),
        (["x"], ["injected-parameters", "plain"]),
        ([markdown("# T"), ("a = 1", "parameters")], ["plain", "parameters", "injected-parameters"]),
    ],
)
def test_placement(parts: list[Part], expected: list[str]) -> None:
    notebook = notebook_of(*parts)
    before = str(notebook.document)
    injected = inject_parameters(notebook, {"a": 3})
    assert roles(injected) == expected
    cell = injected.document["cells"][expected.index("injected-parameters")]
    assert cell["source"] == "# Parameters\na = 3\n"
    assert cell["metadata"] == {"tags": ["injected-parameters"]}
    assert [cell.index for cell in injected.cells] == list(range(len(expected)))
    assert injected.document["metadata"]["papermill"]["parameters"] == {"a": 3}
    assert str(notebook.document) == before
    nbformat.validate(injected.document)


def test_no_values_leave_the_notebook_as_it_is() -> None:
    notebook = notebook_of(("a = 1", "parameters"))
    assert inject_parameters(notebook, {}) is notebook


def test_an_unknown_name_and_a_missing_cell_have_notices() -> None:
    assert "called 'b'" in inject_parameters(notebook_of(("a = 1", "parameters")), {"b": 1}).notices[-1]
    assert "put first" in inject_parameters(notebook_of("x"), {"b": 1}).notices[-1]


def test_injecting_twice_replaces() -> None:
    twice = inject_parameters(inject_parameters(notebook_of(("a = 1", "parameters")), {"a": 2}), {"a": 3})
    assert roles(twice) == ["parameters", "injected-parameters"]
    assert "a = 3" in twice.cells[1].source


def test_the_new_cells_id_is_free() -> None:
    taken = [code("x", id="injected-parameters"), code("x", id="injected-parameters-2")]
    nbformat.validate(inject_parameters(notebook_of(*taken), {"a": 1}).document)


@pytest.mark.parametrize("name", ["x=__import__('os')#", "__builtins__", "class", "a b", "a\n b", "", "1a", "a.b"])
def test_only_python_names_are_injected(name: str) -> None:
    with pytest.raises(ParameterError) as caught:
        inject_parameters(notebook_of(("a = 1", "parameters")), {name: 1})
    assert caught.value.field == name


def test_other_languages_take_no_parameters() -> None:
    with pytest.raises(ParameterError, match="is r, not Python"):
        inject_parameters(notebook_of("x", metadata=IN_R), {"a": 1})


@pytest.mark.parametrize(
    ("value", "literal"),
    [
        ("foo", '"foo"'),
        ('{"foo": "bar"}', '"{\\"foo\\": \\"bar\\"}"'),
        ("a\nb\\c", '"a\\nb\\\\c"'),
        ("é€😀", '"\\xe9\\u20ac\\U0001f600"'),
        ("'; import os #", '"\'; import os #"'),
        (None, "None"),
        (True, "True"),
        (12, "12"),
        (-1.5, "-1.5"),
        (float("nan"), "float('nan')"),
        (float("-inf"), "float('-inf')"),
        ({"a": [1, {"b": "c"}]}, '{"a": [1, {"b": "c"}]}'),
        ([], "[]"),
    ],
)
def test_literals_are_papermills(value: Any, literal: str) -> None:
    assert python_literal(value, "a") == literal


@pytest.mark.parametrize("value", [object(), {1, 2}, b"x", pytest.param(10**5000, id="digits")])
def test_what_json_has_not_is_refused(value: Any) -> None:
    with pytest.raises(ParameterError, match="'a'"):
        python_literal(value, "a")


def test_deep_values_are_refused() -> None:
    deep: list[Any] = []
    for _ in range(1000):
        deep = [deep]
    with pytest.raises(ParameterError, match="nested too deeply"):
        python_literal(deep, "a")


def test_any_text_is_data() -> None:
    everything = "".join(map(chr, range(0x110000)))
    literal = python_literal(everything, "a")
    assert literal.isascii() and literal.isprintable()
    assert ast.literal_eval(literal) == everything


def test_a_nested_literal_is_its_value_again() -> None:
    value = {"": [None, True, -7, 1e-300, 2**70, "\\\"'\n"], '"}; x = {"': {"\0": [[], {}]}}
    assert ast.literal_eval(python_literal(value, "a")) == value


# --- casting and keys ---


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("True", True),
        ("False", False),
        ("None", None),
        ("5", 5),
        ("-5", -5),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("true", "true"),
        ("", ""),
        ("north", "north"),
        ("[1]", "[1]"),
        ("0x10", "0x10"),
    ],
)
def test_cast_value_is_papermills(text: str, value: Any) -> None:
    cast = cast_value(text)
    assert cast == value and type(cast) is type(value)


def test_cast_value_knows_nan() -> None:
    assert math.isnan(cast_value("nan"))


def test_canonical_key() -> None:
    assert canonical_key({}) == ""
    assert canonical_key({"a": 1, "b": 2}) == canonical_key({"b": 2, "a": 1})
    keys = [canonical_key(values) for values in ({"a": 1}, {"a": 1.0}, {"a": True}, {"a": "1"}, {"b": 1}, {"a": None})]
    assert len(set(keys)) == len(keys)
    assert all(len(key) == 64 for key in keys)


# --- resolving ---

TYPED = """
n = 1
x = 1.5
flag = False
text = 'north'
items = [1]
table = {'a': 1}
day = date.today()
limit: int | None = 3
maybe = None
"""


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("n", "5", 5),
        ("n", " 5 ", 5),
        ("n", 7, 7),
        ("x", 2, 2.0),
        ("x", "2e3", 2000.0),
        ("flag", "true", True),
        ("flag", "on", True),
        ("flag", True, True),
        ("text", "'; rm -rf\n\0\\", "'; rm -rf\n\0\\"),
        ("text", "5", "5"),
        ("items", "[1, 2]", [1, 2]),
        ("items", [2], [2]),
        ("table", '{"b": 2}', {"b": 2}),
        ("day", "2024-01-01", "2024-01-01"),
        ("limit", None, None),
        ("limit", "4", 4),
        ("maybe", "x", "x"),
    ],
)
def test_values_are_read_by_type(name: str, value: Any, expected: Any) -> None:
    resolved = resolve_values(notebook_of((TYPED, "parameters")), {name: value})
    assert resolved == {name: expected}
    assert type(resolved[name]) is type(expected)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", "1"),
        ("n", 1),
        ("x", "1.5"),
        ("flag", "false"),
        ("text", "north"),
        ("items", "[1]"),
        ("limit", 3),
    ],
)
def test_defaults_are_dropped(name: str, value: Any) -> None:
    assert resolve_values(notebook_of((TYPED, "parameters")), {name: value}) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", "5.0"),
        ("n", 5.0),
        ("n", True),
        ("n", "９"),
        ("n", "0x10"),
        ("n", "1_000"),
        ("n", ""),
        ("n", None),
        ("n", []),
        ("n", "1" * 400),
        ("x", "nan"),
        ("x", "1e309"),
        ("x", float("inf")),
        ("x", True),
        ("x", "x"),
        ("flag", 1),
        ("flag", "maybe"),
        ("text", 5),
        ("text", None),
        ("text", "x" * 100_001),
        ("items", "{}"),
        ("items", "[" * 100_000),
        ("table", "[]"),
        ("limit", "x"),
        ("__proto__", 1),
        ("regoin", 1),
    ],
)
def test_values_that_do_not_fit_name_their_field(name: str, value: Any) -> None:
    with pytest.raises(ParameterError) as caught:
        resolve_values(notebook_of((TYPED, "parameters")), {name: value})
    assert caught.value.field == name
    assert repr(name) in str(caught.value) and len(str(caught.value)) < 300


def test_an_unknown_name_gets_a_suggestion() -> None:
    with pytest.raises(ParameterError) as caught:
        resolve_values(notebook_of(("region = 1\nyear = 2", "parameters")), {"regoin": 1})
    expected = "Notebook 'sales.ipynb' has no parameter 'regoin'; did you mean 'region'? It has: region, year."
    assert str(caught.value) == expected


def test_injected_cells_are_recognised() -> None:
    assert inject_parameters(notebook_of("x"), {"a": 1}).cells[0].role is Role.INJECTED
