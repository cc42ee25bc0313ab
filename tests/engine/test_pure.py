"""Which functions of a notebook's own are known to do nothing but compute."""

from __future__ import annotations

import re

import pytest

from nbdash.engine.host import pure

PURE = """
lambda x, pos: f"{x / 1e6:.1f}M"
lambda x, _: "${:,.0f}".format(x)
lambda value, pos: f"{int(value)} %" if value >= 0 else ""
lambda x, pos: "%1.1f" % (x * 1e-6)
lambda x, pos: str(round(x, 2)).rstrip("0")
lambda x, pos: ["a", "b", "c"][int(x)] if 0 <= x < 3 else ""
lambda x, pos, unit=1e3: x // unit
lambda x, pos: f"{x!r:>10}"
lambda x, pos: "-".join([str(x), "b"]).upper()[:3]
lambda x, pos: x and not pos or -x
def short(x, pos):
    if abs(x) >= 1e6:
        return f"{x / 1e6:g}M"
    elif x >= 1e3:
        return f"{x / 1e3:g}k"
    text = "{:g}".format(x)
    return text
def parts(x, pos=None):
    hours, minutes = divmod(int(x), 60)
    return f"{hours}:{minutes:02}"
"""

OTHERS = """
lambda x, pos: print(x)
lambda x, pos: unit * x
lambda x, pos: seen.append(x)
lambda x, pos: globals()
lambda x, pos: x.__class__
lambda x, pos: x.tolist()
lambda x, pos: [y for y in range(3)]
lambda x, pos, seen=[]: seen
lambda x, pos: (yield)
lambda x, pos: time.time()
lambda x, pos: len(open("x").read())
lambda x, pos: eval("1")
lambda x, pos: (lambda: 1)()
lambda x, pos: __import__("os")
lambda x, pos: max(x, key=print)
def counts(x, pos):
    global unit
    unit = 2
def stores(x, pos):
    x[0] = 1
def deletes(x, pos):
    del x
def attributes(x, pos):
    pos.y = 1
def changes(x, pos):
    x *= 2
    return x
def raises(x, pos):
    raise ValueError
def imports(x, pos):
    import os
def handles(x, pos):
    try: return x
    except Exception: return 1
def uses(x, pos):
    with x: return 1
def asserts(x, pos):
    assert x
async def awaits(x, pos):
    return 1
"""


def functions(text: str) -> list[object]:
    found: list[object] = []
    for part in re.split(r"\n(?=lambda|def|async)", text.strip()):
        names: dict[str, object] = {"unit": 1}
        exec(f"f = {part}" if part.startswith("lambda") else part, names)
        found.append(next(value for name, value in names.items() if name not in ("unit", "__builtins__")))
    return found


@pytest.mark.parametrize("function", functions(PURE), ids=lambda function: str(function.__code__.co_consts)[:60])
def test_formatters_are_pure(function) -> None:
    assert pure.is_pure(function)


@pytest.mark.parametrize("function", functions(OTHERS), ids=lambda function: str(function.__code__.co_names)[:60])
def test_whatever_else_a_function_does_is_not(function) -> None:
    assert not pure.is_pure(function)
