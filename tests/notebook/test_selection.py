"""Running only the needed cells must show what running all cells shows.

Each row is a small notebook: cells separated by ``---``, tagged ones begin with ``#| dash``.  ``left_out``
are the numbers of the cells that must be found harmless, so that "everything is needed" does not pass.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nbdash.model import Selection
from nbdash.notebook.reader import notebook_from_document
from nbdash.notebook.selection import select_cells

#: Runs cells as Jupyter does, in one shell; prints what the tagged ones put out.
RUNNER = """
import contextlib, io, json, sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
out = []
for source, shown in json.load(sys.stdin):
    buffer = io.StringIO()
    with contextlib.redirect_stdout(buffer):
        shell.run_cell(source, store_history=True)
    if shown:
        out.append(buffer.getvalue())
print(json.dumps(out))
"""

ROWS: list[tuple[str, str, set[int]]] = [
    ("plain read", "a = 1\n---\n#| dash\nprint(a)", set()),
    ("unread binding", "a = 1\n---\nb = 2\n---\n#| dash\nprint(a)", {2}),
    ("display only", "a = [3, 1]\n---\na\n---\n#| dash\nprint(a)", {2}),
    ("print only", "a = [3, 1]\n---\nprint(len(a))\n---\n#| dash\nprint(a)", {2}),
    ("pure builtins", "a = [3, 1]\n---\nsorted(a), sum(a), max(a)\n---\n#| dash\nprint(a)", set()),
    ("in-place sort", "a = [3, 1]\n---\na.sort()\n---\n#| dash\nprint(a)", set()),
    ("append", "a = []\n---\na.append(1)\n---\n#| dash\nprint(a)", set()),
    ("append through alias", "a = []\nb = a\n---\nb.append(1)\n---\n#| dash\nprint(a)", set()),
    ("append through container", "a = []\nb = [a]\n---\nb[0].append(1)\n---\n#| dash\nprint(a)", set()),
    ("append through dict", "a = []\nd = {'k': a}\n---\nd['k'].append(1)\n---\n#| dash\nprint(a)", set()),
    ("subscript store", "a = {}\n---\na['x'] = 1\n---\n#| dash\nprint(a)", set()),
    ("store into another", "a = {}\nb = {}\n---\nb['x'] = 1\n---\n#| dash\nprint(a)", {2}),
    ("attribute store", "class A: pass\na = A()\n---\na.x = 1\n---\n#| dash\nprint(a.x)", set()),
    ("augmented", "a = 1\n---\na += 1\n---\n#| dash\nprint(a)", set()),
    ("augmented list alias", "a = [1]\nb = a\n---\nb += [2]\n---\n#| dash\nprint(a)", set()),
    ("del", "a = 1\n---\ndel a\n---\n#| dash\nprint('a' in globals())", set()),
    ("overwritten before use", "a = 1\n---\na = 2\n---\n#| dash\nprint(a)", {1}),
    ("loop appends", "a = []\n---\nfor i in range(3):\n    a.append(i)\n---\n#| dash\nprint(a)", set()),
    ("loop variable", "for i in range(3):\n    pass\n---\n#| dash\nprint(i)", set()),
    ("while", "a = 0\n---\nwhile a < 3:\n    a += 1\n---\n#| dash\nprint(a)", set()),
    ("walrus", "if (n := 5) > 2:\n    pass\n---\n#| dash\nprint(n)", set()),
    ("walrus in comprehension", "x = [m := i for i in range(3)]\n---\n#| dash\nprint(m)", set()),
    ("comprehension scope", "i = 7\n---\nx = [i for i in range(3)]\n---\n#| dash\nprint(i)", {2}),
    ("lambda", "k = 2\n---\nf = lambda x: x * k\n---\n#| dash\nprint(f(2))", set()),
    ("closure reads later", "def f():\n    return k\n---\nk = 3\n---\n#| dash\nprint(f())", set()),
    ("closure over changed", "k = 1\ndef f():\n    return k\n---\nk = 3\n---\n#| dash\nprint(f())", set()),
    ("global in function", "k = 1\ndef f():\n    global k\n    k = 9\n---\nf()\n---\n#| dash\nprint(k)", set()),
    (
        "nonlocal counter",
        "def m():\n    n = 0\n    def c():\n        nonlocal n\n        n += 1\n        return n\n"
        "    return c\nc = m()\n---\nc()\n---\n#| dash\nprint(c())",
        set(),
    ),
    ("mutable default", "def f(x=[]):\n    x.append(1)\n    return len(x)\n---\nf()\n---\n#| dash\nprint(f())", set()),
    ("function attribute", "def f(): return f.n\n---\nf.n = 4\n---\n#| dash\nprint(f())", set()),
    ("own function called", "log = []\ndef f(): log.append(1)\n---\nf()\n---\n#| dash\nprint(log)", set()),
    (
        "decorator registers",
        "reg = []\ndef d(f):\n    reg.append(f.__name__)\n    return f\n---\n@d\ndef g(): pass\n"
        "---\n#| dash\nprint(reg)",
        set(),
    ),
    ("class body", "seen = []\n---\nclass A:\n    seen.append(1)\n---\n#| dash\nprint(seen)", set()),
    ("class attribute", "class A: n = 0\n---\nA.n = 5\n---\n#| dash\nprint(A().n)", set()),
    (
        "init registers",
        "seen = []\nclass A:\n    def __init__(self): seen.append(1)\n---\nA()\n---\n#| dash\nprint(seen)",
        set(),
    ),
    (
        "property with effect",
        "n = []\nclass A:\n    @property\n    def x(self): n.append(1)\na = A()\n---\na.x\n---\n#| dash\nprint(n)",
        set(),
    ),
    (
        "repr with effect",
        "n = []\nclass A:\n    def __repr__(self):\n        n.append(1)\n        return ''\na = A()\n"
        "---\na\n---\n#| dash\nprint(n)",
        set(),
    ),
    (
        "operator with effect",
        "n = []\nclass A:\n    def __add__(self, o): n.append(1)\na = A()\n---\na + 1\n---\n#| dash\nprint(n)",
        set(),
    ),
    ("star import", "from math import *\n---\n#| dash\nprint(sqrt(4))", set()),
    ("import as", "import math as m\n---\nimport json\n---\n#| dash\nprint(m.pi)", {2}),
    ("from import", "from math import pi\n---\n#| dash\nprint(pi)", set()),
    (
        "import in try",
        "try:\n    import nothere\nexcept ImportError:\n    nothere = None\n---\n#| dash\nprint(nothere)",
        set(),
    ),
    ("exec binds", "exec('a = 5')\n---\n#| dash\nprint(a)", set()),
    ("eval reads", "a = 5\n---\n#| dash\nprint(eval('a'))", set()),
    ("globals store", "globals()['a'] = 5\n---\n#| dash\nprint(a)", set()),
    ("setattr", "class A: pass\na = A()\n---\nsetattr(a, 'x', 1)\n---\n#| dash\nprint(a.x)", set()),
    ("monkeypatch module", "import math\n---\nmath.pi = 3\n---\n#| dash\nprint(math.pi)", set()),
    ("seed", "import random\n---\nrandom.seed(1)\n---\n#| dash\nprint(random.random())", set()),
    (
        "stream position",
        "import random\nrandom.seed(1)\n---\nrandom.random()\n---\n#| dash\nprint(random.random())",
        set(),
    ),
    (
        "numpy stream",
        "import numpy as np\nnp.random.seed(1)\n---\nnp.random.rand()\n---\n#| dash\nprint(np.random.rand())",
        set(),
    ),
    (
        "generator object",
        "import numpy as np\nr = np.random.default_rng(1)\n---\nr.random()\n---\n#| dash\nprint(r.random())",
        set(),
    ),
    ("iterator consumed", "it = iter([1, 2, 3])\n---\nnext(it)\n---\n#| dash\nprint(list(it))", set()),
    ("generator consumed", "g = (i for i in range(3))\n---\nlist(g)\n---\n#| dash\nprint(list(g))", set()),
    ("loop consumes", "g = iter([1, 2])\n---\nfor x in g:\n    pass\n---\n#| dash\nprint(list(g))", set()),
    ("unpacking consumes", "g = iter([1, 2, 3])\n---\na, b, *c = g\n---\n#| dash\nprint(list(g))", set()),
    ("membership consumes", "g = iter([1, 2, 3])\n---\n2 in g\n---\n#| dash\nprint(list(g))", set()),
    ("file written", "open('f.txt', 'w').write('hi')\n---\n#| dash\nprint(open('f.txt').read())", set()),
    ("file with", "with open('f.txt', 'w') as f:\n    f.write('hi')\n---\n#| dash\nprint(open('f.txt').read())", set()),
    (
        "path written",
        "from pathlib import Path\n---\nPath('f').write_text('x')\n---\n#| dash\nprint(Path('f').read_text())",
        set(),
    ),
    (
        "chdir",
        "import os\nos.makedirs('d', exist_ok=True)\n---\nos.chdir('d')\n---\n#| dash\n"
        "print(os.path.basename(os.getcwd()))",
        set(),
    ),
    ("environ", "import os\n---\nos.environ['NB_X'] = '1'\n---\n#| dash\nprint(os.environ.get('NB_X'))", set()),
    ("writefile magic", "%%writefile m.txt\nhello\n---\n#| dash\nprint(open('m.txt').read())", set()),
    ("shell assignment", "x = !echo hi\n---\n#| dash\nprint(x[0])", set()),
    ("env magic", "%env NB_Y=2\n---\n#| dash\nimport os\nprint(os.environ['NB_Y'])", set()),
    ("capture magic", "%%capture c\nprint('hello')\n---\n#| dash\nprint(c.stdout)", set()),
    ("time magic binds", "%%time\nq = 4\n---\n#| dash\nprint(q)", set()),
    ("magic with variable", "n = 'hi'\n---\n#| dash\nx = !echo {n}\nprint(x[0])", set()),
    ("underscore", "6 * 7\n---\n#| dash\nprint(_)", set()),
    ("Out", "6 * 7\n---\n#| dash\nprint(Out[1])", set()),
    ("In", "6 * 7\n---\n#| dash\nprint(len(In))", set()),
    ("match", "p = (1, 2)\n---\nmatch p:\n    case (x, y):\n        z = x + y\n---\n#| dash\nprint(z)", set()),
    ("try else finally", "try:\n    a = 1\nfinally:\n    b = 2\n---\n#| dash\nprint(a + b)", set()),
    (
        "with binds",
        "import contextlib\n---\nwith contextlib.nullcontext(3) as n:\n    pass\n---\n#| dash\nprint(n)",
        set(),
    ),
    ("fstring", "a = 1\n---\nf'{a}'\n---\n#| dash\nprint(a)", {2}),
    ("fstring calls", "n = []\n---\nf'{n.append(1)}'\n---\n#| dash\nprint(n)", set()),
    ("swap", "a, b = [1], [2]\n---\na, b = b, a\n---\n#| dash\nprint(a, b)", set()),
    ("chained assignment", "a = b = []\n---\nb.append(1)\n---\n#| dash\nprint(a)", set()),
    ("slice view", "import numpy as np\na = np.zeros(3)\nv = a[:2]\n---\nv[0] = 9\n---\n#| dash\nprint(a)", set()),
    (
        "copy is not a view",
        "import numpy as np\na = np.zeros(3)\nv = a.copy()\n---\nv[0] = 9\n---\n#| dash\nprint(a)",
        {2},
    ),
    ("numpy out", "import numpy as np\na = np.zeros(2)\n---\nnp.add(a, 1, out=a)\n---\n#| dash\nprint(a)", set()),
    (
        "frame column",
        "import pandas as pd\ndf = pd.DataFrame({'x': [1]})\n---\ndf['y'] = 2\n---\n#| dash\nprint(df)",
        set(),
    ),
    (
        "frame inplace",
        "import pandas as pd\ndf = pd.DataFrame({'x': [2, 1]})\n---\ndf.sort_values('x', inplace=True)\n"
        "---\n#| dash\nprint(df)",
        set(),
    ),
    (
        "frame looks",
        "import pandas as pd\ndf = pd.DataFrame({'x': [2, 1]})\n---\ndf.head()\n---\ndf.describe()\n---\n"
        "df['x'].value_counts()\n---\ndf.shape\n---\n#| dash\nprint(df)",
        {2, 3, 4, 5},
    ),
    (
        "frame option",
        "import pandas as pd\npd.set_option('display.precision', 2)\n---\n#| dash\nprint(pd.Series([1.23456]))",
        set(),
    ),
    ("string methods", "s = 'a b'\n---\ns.upper()\n---\n#| dash\nprint(s)", set()),
    (
        "thread",
        "import threading\nn = []\n---\nt = threading.Thread(target=lambda: n.append(1)); t.start(); t.join()\n"
        "---\n#| dash\nprint(n)",
        set(),
    ),
    ("assert may stop", "a = 1\n---\nassert a == 1\n---\n#| dash\nprint(a)", set()),
    (
        "own data is looked at",
        "import pandas as pd\ndef load(): return pd.DataFrame({'a': [1]})\ndf = load()\n---\n"
        "df.head()\n---\ndf.a.value_counts()\n---\nfor c in df.columns: print(c)\n---\ndf[['a']].mean()\n---\n"
        "#| dash\nprint(df)",
        {2, 3, 4, 5},
    ),
    (
        "what random numbers gave",
        "import numpy as np\nr = np.random.default_rng(1)\nx = r.normal(size=3)\n---\n"
        "x.mean()\n---\nnp.percentile(x, 5)\n---\n#| dash\nprint(x)",
        {2, 3},
    ),
    (
        "drawn by own function",
        "import matplotlib.pyplot as plt\nimport numpy as np\nx = np.ones(3)\n"
        "def draw(x): plt.plot(x)\ndraw(x)\n---\nplt.hist(x)\n---\nnp.exp(x[:2])\n---\n#| dash\nprint(x)",
        {2, 3},
    ),
    (
        "looked up, and kept",
        "from collections import defaultdict\nd = defaultdict(list)\n---\nd['new']\n---\n#| dash\nprint(len(d))",
        set(),
    ),
    ("item added to in place", "a = [1]\nb = [a]\n---\nb[0] += [2]\n---\n#| dash\nprint(a)", set()),
    (
        "label of an index",
        "import pandas as pd\ndf = pd.DataFrame({'a': [1]})\nx = df.columns\n---\n"
        "x.name = 'k'\n---\n#| dash\nprint(df)",
        set(),
    ),
    (
        "file closed by another",
        "f = open('f', 'w')\nf.write('x')\n---\nf = None\n---\n#| dash\nprint(open('f').read())",
        set(),
    ),
    ("magic in a magic", "a = []\n---\n%%time\n%%capture\na.append(1)\n---\n#| dash\nprint(a)", set()),
    ("skip tag is not run", "a = 1\n---\n#| dash\nprint(a)\n---\na = 2", {3}),
]


def notebook_of(text: str) -> tuple[list[tuple[str, bool]], set[int], dict[int, str]]:
    """The cells (source, shown), the numbers of those that run, and why."""
    sources = text.split("\n---\n")
    cells = [
        {
            "cell_type": "code",
            "id": f"c{number}",
            "source": source,
            "metadata": {"tags": ["dash"]} if source.startswith("#| dash") else {},
            "outputs": [],
            "execution_count": None,
        }
        for number, source in enumerate(sources)
    ]
    document = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    planned = select_cells(notebook_from_document(document, "x.ipynb"), Selection.NEEDED)
    runs = {cell.index + 1 for cell in planned if cell.runs}
    shown = [(source, source.startswith("#| dash")) for source in sources]
    return shown, runs, {cell.index + 1: cell.why for cell in planned}


def outputs(cells: list[tuple[str, bool]], folder: Path) -> str:
    """What the tagged cells print, each run in a process and folder of its own."""
    import json

    folder.mkdir()
    environment = os.environ | {"IPYTHONDIR": str(folder / "ipython"), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-c", RUNNER],
        input=json.dumps(cells),
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        check=True,
    )
    return re.sub(r"0x[0-9a-f]+", "0x", done.stdout.splitlines()[-1])


@pytest.mark.parametrize(("text", "left_out"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_harmless_cells_are_left_out(text: str, left_out: set[int]) -> None:
    _, runs, why = notebook_of(text)
    assert not runs & left_out, {number: why[number] for number in runs & left_out}
    assert all(why.values())


@pytest.mark.parametrize(("text", "left_out"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_needed_cells_show_what_all_cells_show(text: str, left_out: set[int], tmp_path: Path) -> None:
    cells, runs, _ = notebook_of(text)
    needed = [cell for number, cell in enumerate(cells, 1) if number in runs]
    if len(needed) == len(cells):
        return  # nothing is left out, so nothing can differ
    assert outputs(needed, tmp_path / "needed") == outputs(cells, tmp_path / "all")
