"""Every rule: what it finds, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from notebook_cells import Part, code, markdown, plan_of, text_of

from nbdash.model import Finding, Selection, Severity
from nbdash.notebook import RULES, check_notebook, make_plan, parse_notebook

PLOT = "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\n"


def findings(*parts: Part, selection: Selection = Selection.ALL, **entries: Any) -> tuple[Finding, ...]:
    return check_notebook(plan_of(*parts, selection=selection, **entries))


def rules(*parts: Part, selection: Selection = Selection.ALL) -> list[str]:
    """The rules found, but NB008, which every untagged notebook has."""
    return [found.rule for found in findings(*parts, selection=selection) if found.rule != "NB008"]


# --- names ---


@pytest.mark.parametrize(
    "sources",
    [
        ["df = 1", "df"],
        ["import numpy as np\nnp.pi"],
        ["x = 1\nx += 1"],
        ["for i in range(3):\n    print(i)"],
        ["def f(a, *b, c=1, **d):\n    return a, b, c, d", "f(1)"],
        ["def f():\n    return later", "later = 1", "f()"],
        ["class A:\n    x = 1\n    def m(self):\n        return A.x"],
        ["[i for i in range(3) if i]"],
        ["print(y := 3, y)"],
        ["try:\n    cache\nexcept NameError:\n    cache = {}", "cache"],
        ["with open('f') as file:\n    file.read()"],
        ["from math import *\nsin(1)", "cos(1)"],
        ["exec('x = 1')", "x"],
        ["%run other.py", "anything"],
        ["globals()['x'] = 1", "x"],
        ["%%sql result <<\nselect 1", "result"],
        ["%%capture out\nprint(1)", "out"],
        ["files = !ls", "files"],
        ["%time x = 1", "x"],
        ["get_ipython()\ndisplay(1)\n_\nOut[1]\n_3\n_i2\n__name__"],
        ["lambda a: a"],
        ["def f():\n    global G\n    G = 1", "f()", "G"],
        ["import os.path\nos.path"],
        ["match [1]:\n    case [a, *rest]:\n        print(a, rest)"],
        ["async def f():\n    return 1", "await f()"],
        ["x: int = 1", "x"],
        ["a, (b, *c) = 1, (2, 3)", "a, b, c"],
        ["while line := 0:\n    print(line)"],
    ],
)
def test_names_that_are_made(sources: list[str]) -> None:
    assert [rule for rule in rules(*sources) if rule in ("NB001", "NB101")] == []


@pytest.mark.parametrize(
    ("sources", "name"),
    [
        (["dff"], "dff"),
        (["x = x + 1"], "x"),
        (["n += 1"], "n"),
        (["print(later)", "later = 1"], "later"),
        (["def f(a=missing):\n    pass"], "missing"),
        (["class A(Base):\n    pass"], "Base"),
        (["[q for i in range(3)]"], "q"),
        (["@wrap\ndef f():\n    pass"], "wrap"),
        (["%timeit missing"], "missing"),
        (["f'{missing}'"], "missing"),
        (["def f(x):\n    return x", "x"], "x"),
        (["[i for i in range(3)]", "i"], "i"),
    ],
)
def test_names_that_are_missing(sources: list[str], name: str) -> None:
    found = [found for found in findings(*sources) if found.rule == "NB001"]
    assert len(found) == 1
    assert f"It uses {name!r}" in found[0].message
    assert found[0].severity is Severity.ERROR


def test_a_name_only_a_function_misses_is_a_warning() -> None:
    found = findings("def f():\n    return missing")
    assert [(one.rule, one.severity) for one in found if one.rule != "NB008"] == [("NB001", Severity.WARNING)]


def test_a_cell_that_may_raise_only_warns() -> None:
    found = findings(("missing", "raises-exception"))
    assert [one.severity for one in found if one.rule == "NB001"] == [Severity.WARNING]


def test_a_name_made_in_a_cell_that_does_not_run() -> None:
    found = findings(("model = 1", "dash-skip"), ("model", "dash"))
    assert [one.rule for one in found] == ["NB101"]
    assert found[0].index == 1 and found[0].severity is Severity.ERROR
    assert found[0].message == "It uses 'model', which is made in cell 1, and that cell does not run."
    assert found[0].fix == "tag cell 1 'dash-setup'"


def test_a_name_made_further_down_and_one_like_another() -> None:
    fixes = {one.message: one.fix for one in findings("a", "a = 1\nrevenue = 1", "revenu") if one.rule == "NB001"}
    assert list(fixes.values()) == ["move cell 2 up", "did you mean 'revenue'?"]


def test_what_runs_is_for_the_plan_to_say() -> None:
    plan = plan_of("x = 1", ("x", "dash"), "input()", selection=Selection.ALL)
    idle = tuple(replace(cell, runs=cell.index == 1) for cell in plan.cells)
    assert [one.rule for one in check_notebook(plan)] == ["NB006"]
    assert [one.rule for one in check_notebook(replace(plan, cells=idle))] == ["NB101"]


# --- tags and options ---


@pytest.mark.parametrize(
    ("tag", "meant"),
    [
        ("dashboard", "dash"),
        ("Dash", "dash"),
        (" dash", "dash"),
        ("dash ", "dash"),
        ("DASH", "dash"),
        ("dash_setup", "dash-setup"),
        ("dash setup", "dash-setup"),
        ("dash-setp", "dash-setup"),
        ("Parameters", "parameters"),
        ("parameter", "parameters"),
        ("params", "parameters"),
        ("raises_exception", "raises-exception"),
        ("skip_execution", "skip-execution"),
        ("remove-inputs", "remove-input"),
        ("nbdash", "dash"),
        ("dash", None),
        ("remove_cell", None),
        ("injected-parameters", None),
        ("exercise", None),
        ("plot", None),
        ("full-width", None),
        ("size=6", None),
    ],
)
def test_near_miss_tags(tag: str, meant: str | None) -> None:
    found = [one for one in findings(("x = 1", tag)) if one.rule == "NB002"]
    assert bool(found) == (meant is not None)
    assert all(f"did you mean {meant!r}?" in one.message for one in found)


def test_near_miss_words_in_comments() -> None:
    assert rules("#| dashbord\nx = 1") == ["NB002"]
    assert rules("#| hide\n#| export\nx = 1") == []


def test_an_untagged_notebook_gets_a_hint() -> None:
    assert [(one.rule, one.severity, one.index) for one in findings("1")] == [("NB008", Severity.HINT, None)]
    assert findings(("1", "dash")) == ()


def test_bad_options_and_repairs() -> None:
    plan = make_plan(
        parse_notebook(text_of(("#| width: 99\nx = 1", "dash"), code("1", outputs=None)), "a.ipynb"),
        Selection.ALL,
    )
    found = check_notebook(plan)
    assert [(one.rule, one.index) for one in found] == [("NB013", None), ("NB012", 0)]
    assert "'width' is '99'" in found[1].message


# --- code ---


@pytest.mark.parametrize(
    ("source", "draws"),
    [
        (PLOT + "ax.plot([1])\nax.set_xlabel('x')", True),
        (PLOT + "ax.plot([1])\nax.set_xlabel('x')\n#| alt: late", True),
        ("#| alt: A line.\n" + PLOT + "ax.plot([1])\nax.set_xlabel('x')", False),
        ("import seaborn as sns\nsns.lineplot(x=[1])", True),
        ("import seaborn as sns\nsns.set_theme()", False),
        ("x = [1]\nx.plot.bar()", True),
        ("import matplotlib.pyplot as plt\nplt.show()", True),
        ("def draw():\n    import matplotlib.pyplot as plt\n    plt.imshow([[1]])\ndraw()", True),
        ("def draw():\n    import matplotlib.pyplot as plt\n    plt.imshow([[1]])", False),
        ("print(1)", False),
    ],
)
def test_missing_alt(source: str, draws: bool) -> None:
    assert ("NB003" in rules((source, "dash"))) is draws


def test_alt_is_asked_of_cards_only() -> None:
    assert rules((PLOT + "ax.pie([1])", "dash-setup"), ("1", "dash")) == []


@pytest.mark.parametrize(
    ("line", "unlabelled"),
    [
        ("ax.plot([1])", True),
        ("plt.plot([1])", True),
        ("ax.plot([1])\nax.set_xlabel('x')", False),
        ("plt.plot([1])\nplt.ylabel('x')", False),
        ("ax.plot([1])\nax.set(xlabel='x')", False),
        ("ax.plot([1])\nax.axis('off')", False),
        ("ax.pie([1])", False),
        ("ax.imshow([[1]])", False),
        ("axes = [ax]\naxes[0].scatter([1], [1])", True),
        ("frame = ax\nframe.plot()", False),
        ("fig.supxlabel('x')\nax.plot([1])", False),
    ],
)
def test_missing_labels(line: str, unlabelled: bool) -> None:
    assert rules((f"#| alt: A\n{PLOT}{line}", "dash")) == ["NB004"] * unlabelled


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("open('/home/me/a.csv')", True),
        ("open('/Users/me/a.csv')", True),
        ("p = r'C:\\data\\a.csv'", True),
        ("p = 'D:/data/a.csv'", True),
        ("p = '\\\\\\\\server\\\\share'", True),
        ("open('~/a.csv')", True),
        ("%cd /home/me/work", True),
        ("f'/data/{1}.csv'", True),
        ("open('data/a.csv')", False),
        ("u = 'https://x.org/home/a'", False),
        ("u = 'c://x'", False),
        ("re = '/home'", False),
        ("t = '/tmp/x'", False),
        ("'''/home/me/x\nmore'''", False),
    ],
)
def test_absolute_paths(source: str, found: bool) -> None:
    assert ("NB005" in rules(source)) is found


@pytest.mark.parametrize(
    ("source", "severity"),
    [
        ("input()", Severity.ERROR),
        ("x = int(input('n'))", Severity.ERROR),
        ("from getpass import getpass\ngetpass()", Severity.ERROR),
        ("import getpass as g\ng.getpass()", Severity.ERROR),
        ("breakpoint()", Severity.ERROR),
        ("import pdb\npdb.set_trace()", Severity.ERROR),
        ("import sys\nsys.stdin.read()", Severity.ERROR),
        ("%debug", Severity.ERROR),
        ("def ask():\n    return input()", Severity.WARNING),
        ("def input():\n    return 1\ninput()", None),
        ("form = object\nform.input()", None),
        ("print('input()')", None),
    ],
)
def test_asking_for_input(source: str, severity: Severity | None) -> None:
    found = [one.severity for one in findings(source) if one.rule == "NB006"]
    assert found == ([severity] if severity else [])


@pytest.mark.parametrize(
    ("sources", "found"),
    [
        (["import numpy as np\nnp.random.rand(3)"], True),
        (["import random\nrandom.random()"], True),
        (["from numpy.random import default_rng\ndefault_rng()"], True),
        (["import numpy as np\nnp.random.default_rng(None)"], True),
        (["import numpy as np\nnp.random.default_rng(7)"], False),
        (["import numpy as np\nnp.random.default_rng(seed=7)"], False),
        (["import numpy as np\nnp.random.seed(1)\nnp.random.rand(3)"], False),
        (["import random\nrandom.seed(1)", "random.random()"], False),
        (["import numpy as np\nnp.random.seed(1)", "np.random.default_rng()"], True),
        (["from sklearn.model_selection import train_test_split\ntrain_test_split([1])"], True),
        (
            ["from sklearn.model_selection import train_test_split\ntrain_test_split([1], random_state=0)"],
            False,
        ),
        (["random = 1\nrandom"], False),
    ],
)
def test_unseeded_randomness(sources: list[str], found: bool) -> None:
    assert ("NB007" in rules(*sources)) is found


@pytest.mark.parametrize(
    ("source", "line"),
    [("x = = 1", 1), ("a = 1\nif a\n    b", 2), ("%%time\n\nx = (", 3), ("\n\nx = = 1", 3)],
)
def test_syntax_errors(source: str, line: int) -> None:
    found = [one for one in findings(source, "later_names_are_not_judged") if one.rule != "NB008"]
    assert [(one.rule, one.severity) for one in found] == [("NB009", Severity.ERROR)]
    assert f"(line {line})" in found[0].message


@pytest.mark.parametrize("source", ["%%bash\nif then", "await f()\nf = 1", "!ls -l | wc", "%matplotlib inline", "x?"])
def test_what_is_no_syntax_error(source: str) -> None:
    assert "NB009" not in rules(source)


def test_a_cell_that_does_not_run_is_not_checked() -> None:
    assert rules(("x = = 1\ninput()", "dash-skip"), ("1", "dash")) == []


@pytest.mark.parametrize(
    ("source", "severity"),
    [
        ("!pip install numpy", Severity.WARNING),
        ("%pip install numpy", Severity.WARNING),
        ("%conda install -y numpy", Severity.WARNING),
        ("!{sys.executable} -m pip install x", Severity.WARNING),
        ("!apt-get install x", Severity.WARNING),
        ("!ls", Severity.HINT),
        ("x = !ls", Severity.HINT),
        ("%matplotlib inline", None),
        ("print('!pip install x')", None),
    ],
)
def test_shell_commands(source: str, severity: Severity | None) -> None:
    found = [one.severity for one in findings(source) if one.rule == "NB010"]
    assert found == ([severity] if severity else [])


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ("open('missing.csv')", True),
        ("import pandas as pd\npd.read_csv('missing.csv')", True),
        ("open('there.csv')", False),
        ("open('missing.csv', 'w')", False),
        ("open('missing.csv', mode='a')", False),
        ("df = object()\ndf.to_csv('missing.csv')\nopen('missing.csv')", False),
        ("import pandas as pd\npd.read_csv('https://x.org/missing.csv')", False),
        ("open('data*.csv')", False),
        ("name = 'missing.csv'", False),
    ],
)
def test_missing_files(tmp_path: Path, source: str, missing: bool) -> None:
    (tmp_path / "there.csv").write_text("a")
    plan = plan_of(source, selection=Selection.ALL)
    assert ("NB011" in [one.rule for one in check_notebook(plan, tmp_path)]) is missing
    assert "NB011" not in [one.rule for one in check_notebook(plan)]


def test_misplaced_magic_and_window_back_end() -> None:
    assert rules("#| title: T\n%%time\nx = 1") == ["NB014"]
    assert rules("%%time\n#| title: T\nx = 1") == []
    assert rules("%matplotlib widget") == ["NB015"]
    assert rules("%matplotlib inline") == []


def test_findings_are_in_order_and_complete_sentences() -> None:
    found = findings("input()", "x = = 1", ("missing", "Dash"), "open('/home/me/a.csv')")
    assert [one.index for one in found] == sorted(
        (one.index for one in found), key=lambda index: -1 if index is None else index
    )
    for one in found:
        assert one.rule in RULES
        assert one.message[0].isupper() and one.message[-1] in ".?"
        assert one.fix


def test_other_languages_get_no_findings_about_python() -> None:
    found = findings("x <- input()", markdown("text"), metadata={"language_info": {"name": "R"}})
    assert [one.rule for one in found] == ["NB008"]
