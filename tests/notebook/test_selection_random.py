"""Random notebooks: running only the needed cells must show what running all cells shows.

Cells are drawn from statements that alias, contain, change, use up, define and draw random numbers, over a few
names, so that the ways in which one cell may matter to another come together as no table would think of.
"""

from __future__ import annotations

import ast
import contextlib
import io
import random
import re
from typing import Any

import pytest
from notebook_cells import notebook_of

from nbdash.model import Selection
from nbdash.notebook.selection import select_cells

SETUP = """
import copy, random
random.seed(1)
a = [3, 1, 2]
b = [a, [5]]
c = {'k': a, 'm': [7]}
d = iter(range(50))
log = []
k = 1
def f(x=[]):
    x.append(len(a))
    return x
def g():
    for i in [1, 2, 3]:
        yield random.random()
def h(v):
    log.append(v)
    return v
class C:
    n = 0
    seen = [2]
    def fetch(self):
        return self.v
o = C()
o.v = [1]
e = C()
"""
#: Added to some of the notebooks: objects whose operators have effects make much more needed.
ACTIVE = """
class P:
    @property
    def p(self):
        log.append(1)
    def __iter__(self):
        a.append(4)
        return iter([1])
p = P()
"""
#: ``N`` and ``M`` become names, ``E`` and ``F`` expressions.
STATEMENTS = r"""
N = E
N = E
N, M = E, F
N = [E]
N = {'q': E}
N += [1]
N += E
N[0] += [1]
N[0] += E
o.v += [1]
N[:1] = E
N = C
N.n = 7
N = iter(E)
list(N)
N = [(M := q) for q in E]
N = type(o)
N = o if k else c
[0 for N['q'] in E]
del N, M
1 < 0 < (N := k)
N = lambda q=1: E
N = (q for q in E)
N = (log.append(q) for q in E)
N = (random.random() for _ in E)
N = [*E]
N = E or F
N = E if k else F
N = E[0]
N = a[1:]
N = max(E, key=str)
N = sorted(E, key=str)
N = sorted(E, key=h)
N = copy.copy(E)
N = copy.deepcopy(E)
N = zip(E, F)
N = map(log.append, E)
N = map(lambda q: q.append(1), E)
N = filter(None, E)
N = reversed(E)
N = dict(r=E)
N = list(E)
N = sum([[E]], [])
N = random.random()
N = random.choice(E)
N = f(E)
N = g()
N = h(E)
N = C()
N = o.fetch()
N = getattr(o, 'v')
N = N.copy()
N = [x for x in E][0]\nN.append(1)
N = b\nM = N[0]\nM.append(3)
(N := E)
print(E)
print(len(str(E)))
print(E in F)
print(N())
print(log)
print([q for q in E])
print(*E)
E
del N
next(N)
f()
h(1)
random.random()
random.seed(3)
random.shuffle(N)
N.append(E)
N.extend(E)
N.sort(key=str)
N.pop()
N.update({1: E})
N['q'] = E
N[0] = E
N[0].append(E)
N['k'].append(E)
a[:] = [1]
k += 1
o.v = E
C.n = 5
e.n = 3
C.seen.append(E)
type(e).n = 9
e.__class__.n = 2
o.__dict__['v'] = E
setattr(o, 'v', E)
for t in E:\n    print(str(t)[:9])
for t in E:\n    t.append(1)
while k < 3:\n    k += 1
if k:\n    N = E\nelse:\n    M = 1
try:\n    N = E\nexcept Exception as M:\n    pass
with open('/dev/null') as N:\n    pass
match E:\n    case [N, *M]:\n        pass
def N():\n    return E
def N():\n    global M\n    M = 4
def u(v, w=[]):\n    w.append(v)\n    return w\nN = u(E)
class Q:\n    N = E\n    w = N
p.p
""".strip().splitlines()
NAMES = "a b c o e x y z w".split()
EXPRESSIONS = """a b c d o e x y z w x y a[0] b[0] c['k'] x[0] len(a) k list(a) o.v C.seen (a,b) c.get('k') sorted(a)
str(a) [x,y] {'k':z} c.items() c.values() range(3) a+a [a]*2 [1,2] log p""".split()
SHOWN = ["print(N)", "print(list(N))", "print(N, random.random())", "N", "print(log)", "print(o.v, e.n, C.seen)"]

Namespace = dict[str, Any]


def draw_cell(dice: random.Random, statements: list[str]) -> str:
    def fill(found: re.Match[str]) -> str:
        return dice.choice(NAMES if found[0] in "NM" else EXPRESSIONS)

    lines = [dice.choice(statements).replace(r"\n", "\n") for _ in range(dice.choice([1, 1, 2]))]
    return "\n".join(re.sub(r"\b[NMEF]\b", fill, line) for line in lines)


def run_cell(source: str, namespace: Namespace) -> str:
    """What the cell prints and shows, without what differs from run to run."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(tree, "cell", "exec"), namespace)
        if isinstance(last, ast.Expr):
            print(repr(eval(compile(ast.Expression(last.value), "cell", "eval"), namespace)))
    return re.sub(r"0x[0-9a-f]+|(?:'.', )+.*", "", out.getvalue())  # addresses, even letter by letter


def run_all(sources: list[str]) -> list[str]:
    namespace: Namespace = {"__name__": "notebook"}
    return [run_cell(source, namespace) for source in sources]


def draw_notebook(dice: random.Random) -> list[str]:
    """Up to ten cells that run one after the other without an error, the last of them to be shown."""
    sources = [SETUP, ACTIVE] if dice.random() < 0.3 else [SETUP]
    for _ in range(40):
        source = draw_cell(dice, STATEMENTS if len(sources) < 9 else SHOWN)
        with contextlib.suppress(Exception):
            run_all([*sources, source])
            sources.append(source)
        if len(sources) == 10:
            break
    return sources


def needed_of(sources: list[str]) -> list[bool]:
    notebook = notebook_of(*sources[:-1], (sources[-1], "dash"))
    return [cell.runs for cell in select_cells(notebook, Selection.NEEDED)]


@pytest.mark.parametrize("first", range(0, 400, 50))
def test_needed_cells_show_what_all_cells_show(first: int) -> None:
    for seed in range(first, first + 50):
        sources = draw_notebook(random.Random(seed))
        runs = needed_of(sources)
        needed = [source for source, is_needed in zip(sources, runs, strict=True) if is_needed]
        assert run_all(needed)[-1] == run_all(sources)[-1], (seed, sources[1:], runs[1:])


def test_random_notebooks_leave_cells_out() -> None:
    runs = [is_needed for seed in range(50) for is_needed in needed_of(draw_notebook(random.Random(seed)))]
    assert runs.count(False) > len(runs) / 10
