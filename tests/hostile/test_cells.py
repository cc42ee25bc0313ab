"""Table d2: what cells do at run time. Each row goes the whole way, with both engines.

The last good page stays byte for byte, the author is told why in a sentence, nothing is left of the run, and the
next run of this and of another dashboard succeeds.
"""

from __future__ import annotations

import html
import sys
from collections.abc import Iterator

import pytest

from nbdash.model import RunState
from tests.hostile.scene import PLOT, PRIVATE, Case, Resources, Scene, check_nothing_left, check_sentence

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

SHORT = {"cell_timeout": 1}
PARENT = "int(open(f'/proc/{os.getppid()}/stat').read().rpartition(')')[2].split()[1])"
DAEMON = """import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(600)
    os._exit(0)
os.wait()"""
BOMB = "import os, time\nfor _ in range(6): os.fork()\ntime.sleep(600)"
TIME = "took longer than its limit of 1 s"
INPUT = "StdinNotImplementedError"

CASES: dict[str, Case] = {
    "row-26-magics": Case(
        ["%load_ext autoreload\n%matplotlib inline\n!echo from-shell", "%%bash\necho from-bash", "print?"],
        shows="from-bash",
    ),
    "row-26-run": Case(
        "open('there.py', 'w').write('there = 7')\n%run there.py\nprint('there', there)", shows="there 7"
    ),
    "row-26-run-of-nothing": Case("%run nowhere.py", "nowhere.py"),
    "row-26-unknown-magic": Case("%no_such_magic", "Cell 1"),
    "row-26-unknown-extension": Case("%load_ext no_such_extension", "no_such_extension"),
    "row-26-window": Case(
        "%matplotlib tk\nimport matplotlib.pyplot as plt\nplt.plot([1]); plt.show()", shows="image/png"
    ),
    "row-26-widget": Case(
        "%matplotlib widget\nimport matplotlib.pyplot as plt\nplt.plot([1]); plt.show()", shows="image/png"
    ),
    "row-34-ends-itself": Case("import os; os._exit(3)", "exit code 3) in cell 1"),
    "row-35-segfault": Case("import ctypes; ctypes.string_at(0)", "SIGSEGV in cell 1"),
    "row-35-abort": Case("import os; os.abort()", "SIGABRT in cell 1"),
    "row-36-sys-exit": Case("import sys; sys.exit(0)", "SystemExit"),
    "row-36-exit": Case("exit()", "SystemExit"),
    "row-36-quit": Case("quit()", "SystemExit"),
    "row-37-endless-loop": Case("while True: pass", TIME, limits=SHORT),
    "row-37-endless-run": Case("while True: pass", "longer than its limit of 2 s", limits={"timeout": 2}),
    "row-38-swallows-interrupts": Case(
        "import time\nwhile True:\n    try: time.sleep(9)\n    except BaseException: pass", TIME, limits=SHORT
    ),
    "row-38-blocks-signals": Case(
        "import signal\nsignal.signal(2, signal.SIG_IGN)\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))\n"
        "while True: pass",
        TIME,
        limits=SHORT,
    ),
    "row-38-stops-itself": Case("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", TIME, limits=SHORT),
    "row-39-slow-leak": Case(
        "import time\nx = []\nwhile True: x.append(bytearray(b'x') * (20 << 20)); time.sleep(0.01)",
        "more memory than its limit of 300 MiB in cell 1",
        limits={"memory_mib": 300},
    ),
    "row-39-hog-in-a-child": Case(
        "import subprocess, sys\nhog = \"x = bytearray(b'x') * (400 << 20); import time; time.sleep(600)\"\n"
        "subprocess.run([sys.executable, '-c', hog])",
        "more memory than its limit of 300 MiB in cell 1",
        limits={"memory_mib": 300},
    ),
    "row-40-fork-bomb": Case(BOMB, "more than its limit of 40 processes in cell 1", limits={"processes": 40}),
    "row-41-daemon": Case([DAEMON, "print('after')"], shows="after"),
    "row-41-daemon-of-a-run-that-dies": Case(f"{DAEMON}\nos._exit(1)", "exit code 1) in cell 1"),
    "row-42-thread-goes-on": Case(
        "import threading, time; threading.Thread(target=time.sleep, args=[600]).start(); print('kept')", shows="kept"
    ),
    "row-42-slow-exit": Case("import atexit, time; atexit.register(time.sleep, 600); print('kept')", shows="kept"),
    "row-43-input": Case("input('?')", INPUT),
    "row-43-getpass": Case("import getpass; getpass.getpass()", INPUT),
    "row-43-debugger": Case("import pdb; pdb.set_trace()", INPUT),
    "row-43-breakpoint": Case(["breakpoint()", "print('kept')"], shows="kept"),
    "row-43-stdin-read": Case("import sys; print(repr(sys.stdin.read()))", shows="&#39;&#39;"),
    "row-44-endless-print": Case("while True: print('flood')", TIME, limits=SHORT),
    "row-44-long-line": Case("print('x' * 20_000_000)", shows="MiB left out"),
    "row-44-many-prints": Case("for i in range(100_000): print(f'{i:019}')", shows="KiB left out"),
    "row-44-long-repr": Case(
        "class R:\n    def __repr__(self): return 'r' * 30_000_000\nR()", shows="Outputs beyond the 1.0 MiB"
    ),
    "row-45-no-stdout": Case(["import sys; sys.stdout = None; print(1)", "print(2)"], "Cell 2", only="fork"),
    "row-45-no-stdout-in-a-kernel": Case(
        ["import sys; sys.stdout = None; print(1)", "7"], "Cell 2 took longer", limits=SHORT, only="kernel"
    ),
    "row-45-stdout-closed": Case(["import sys; sys.stdout.close()", "print(1)"], "ell 2"),
    "row-45-descriptors-closed": Case("import os\nfor fd in range(3): os.close(fd)\nprint('kept')", shows="kept"),
    "row-45-all-descriptors-closed": Case("import os; os.closerange(0, 70_000)", "in cell 1"),
    "row-45-null-over-everything": Case(
        "import os\nnull = os.open(os.devnull, os.O_RDWR)\nfor name in os.listdir('/proc/self/fd'):\n"
        "    if int(name) not in (0, 1, 2, null): os.dup2(null, int(name))\nimport time; time.sleep(600)",
        "cell 1",
        limits=SHORT,
    ),
    "row-46-forged-frames": Case(
        "import os\nfor fd in range(3, 66_000):\n    try: os.write(fd, b'\\0\\0\\0\\2' + b'x' * 16 + b'{}')\n"
        "    except OSError: pass",
        "wrote into a connection that is not its own",
        only="fork",
    ),
    "row-47-surrogate": Case("print('half \\ud800 pair')", shows="half", only="fork"),
    "row-47-surrogate-in-a-kernel": Case("print('half \\ud800 pair')", only="kernel"),  # where it is lost
    "row-48-evil-exception": Case(
        "class Evil(Exception):\n    def __str__(self): raise RuntimeError('evil')\n    __repr__ = __str__\nraise Evil",
        "Cell 1 raised RuntimeError: evil",  # as a kernel has it
    ),
    "row-48-huge-name": Case("raise type('N' * 1_000_000, (Exception,), {})", "Cell 1 raised NNN"),
    "row-48-huge-message": Case("raise ValueError('z' * 10_000_000)", "Cell 1 raised ValueError"),
    "row-48-recursive-repr": Case("class R:\n    def __repr__(self): return repr(self)\nR()", "RecursionError"),
    "row-48-base-exception": Case("raise BaseException('secret=hunter2')", "BaseException"),
    "row-48-group-of-many": Case(
        "import builtins, sys\nif sys.version_info < (3, 11): raise ValueError('ExceptionGroup')\n"
        "raise ExceptionGroup('many', [ValueError(n) for n in range(10_000)])",
        "ExceptionGroup",
    ),
    "row-49-folder-gone": Case(
        "import os\nos.mkdir('d'); os.chdir('d'); os.rmdir('../d'); print('kept')", shows="kept"
    ),
    "row-49-odd-names": Case(
        "import os\nfor name in (b'-rf', b'\\xff\\xfe', b'a\\nb'): open(name, 'w').close()\n"
        "os.path.lexists('out') or os.symlink('/etc', 'out')\nprint('kept')",
        shows="kept",
    ),
    "row-49-many-files": Case(
        "import tempfile, os\nd = tempfile.mkdtemp(dir='.')\nfor n in range(3000): open(f'{d}/{n}', 'w').close()\n"
        "os.chmod(d, 0)\nprint('kept')",
        shows="kept",
    ),
    "row-50-changes-globals": Case(
        "import os, sys, warnings, locale, signal, json, random, builtins\nos.environ['LEAKED'] = '1'\n"
        "sys.path.clear(); sys.modules.pop('json'); random.seed(1); warnings.simplefilter('error')\n"
        "json.dumps = None; builtins.open = None; signal.signal(15, signal.SIG_IGN)\nprint('kept')",
        shows="kept",
        only="fork",
    ),
    "row-51-huge-figure": Case(
        "import matplotlib.pyplot as plt\nplt.figure(figsize=(700, 700)); plt.plot([1]); plt.show()", "in cell 1"
    ),
    "row-51-huge-dpi": Case(
        "import matplotlib.pyplot as plt\nplt.figure(dpi=1e9); plt.plot([1]); plt.show()",
        shows="could not be drawn",
        hides="Figure size",
    ),
    "row-51-many-pixels": Case(
        "import matplotlib.pyplot as plt\nplt.figure(figsize=(15, 12)); plt.plot([1]); plt.show()\nprint('kept')",
        shows="more than 1 million pixels",
        limits={"megapixels": 1},
    ),
    "row-51-many-figures": Case(
        "import matplotlib.pyplot as plt\nplt.rcParams['figure.max_open_warning'] = 0\n"
        "for n in range(30): plt.figure(figsize=(1, 1)); plt.plot([n])\nplt.show()",
        shows="More figures than the 20",
    ),
    "row-51-no-number-size": Case(
        "import matplotlib.pyplot as plt\nplt.figure(figsize=(float('nan'), 3))", "ValueError"
    ),
    "row-51-other-back-end": Case(
        "import matplotlib.pyplot as plt\nplt.switch_backend('TkAgg')\nplt.plot([1]); plt.show()", "ImportError"
    ),
    "row-51-savefig-patched": Case(
        "import matplotlib.figure, matplotlib.pyplot as plt\nmatplotlib.figure.Figure.savefig = None\n"
        "plt.plot([1]); plt.show()\nprint('kept')",
        shows="kept",
    ),
    "row-52-no-latex": Case(
        "import matplotlib.pyplot as plt\nplt.rcParams['text.usetex'] = True\nplt.title('x'); plt.show()",
        shows="could not be drawn",
    ),
    "row-52-no-such-font": Case(
        "import matplotlib.pyplot as plt\nplt.rcParams['font.family'] = 'No Such Font'\n"
        "plt.title('Größe 東京 🎉 עברית'); plt.show()",
        shows="data:image/png",
    ),
    "row-53-figures-once": Case(
        "import matplotlib.pyplot as plt\nfig = plt.figure(layout='constrained')\n"
        "fig.subfigures(1, 2)[0].add_subplot(projection='3d')\nplt.show(); plt.show()\nfig",
        shows="cell-1",
    ),
    "row-54-script": Case(
        "from IPython.display import *\ndisplay(HTML('<script>alert(1)</script><b>kept</b>'))\n"
        "display(Markdown('[x](javascript:alert(1))'))\ndisplay(HTML('<img src=x onerror=alert(1)>'))",
        hides="<script>alert",
        shows="<iframe",
    ),
    "row-55-secrets": Case(
        "import os, sys, traceback\ntry: 1/0\nexcept ZeroDivisionError: traceback.print_exc()\n"
        "print('hunter2', file=sys.stderr)\nprint('NBDASH_DATA' in os.environ)",
        shows="False",
        hides="ZeroDivisionError",
    ),
    "row-56-kills-its-parent": Case("import os, time; os.kill(os.getppid(), 9); time.sleep(600)", "in cell 1"),
    "row-56-kills-the-zygote": Case(f"import os, time; os.kill({PARENT}, 9); time.sleep(600)", "cell 1", only="fork"),
    "row-56-terminates-the-zygote": Case(
        f"import os, time; os.kill({PARENT}, 15); time.sleep(600)", "cell 1", only="fork"
    ),
    "row-57-listens": Case(
        "import socket\ns = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()\n"
        "import os\nprint([name for name in os.environ if 'TOKEN' in name or 'NBDASH_D' in name])",
        shows="[]",
    ),
    "row-58-spawned-pool": Case(
        "import multiprocessing as m\nwith m.get_context('spawn').Pool(1) as p: print(p.map(abs, [-1]))", shows="[1]"
    ),
    "row-58-forked-pool": Case(
        "import multiprocessing as m\nwith m.get_context('fork').Pool(2) as p: print(p.map(abs, [-1]))", shows="[1]"
    ),
    "row-58-await": Case("import asyncio\nawait asyncio.sleep(0)\nprint('kept')", shows="kept"),
    "row-58-asyncio-run": Case("import asyncio\nasyncio.run(asyncio.sleep(0))", "RuntimeError"),
    "row-60-no-such-package": Case("import no_such_package", "ModuleNotFoundError: No module named 'no_such_package'"),
    "row-60-import-exits": Case("open('leaver.py', 'w').write('import os; os._exit(5)')\nimport leaver", "exit code 5"),
    "row-61-fresh-namespace": Case("print('seen' in dir()); seen = 1", shows="False"),
}
#: Of the kernel engine, whose every run takes seconds, the default run has one case of each kind of end.
KERNEL_SAMPLE = {"row-34-ends-itself", "row-38-blocks-signals", "row-41-daemon"}
#: Cases that take seconds, of rows that have a shorter one.
LONG = {
    "row-37-endless-run",
    "row-38-stops-itself",
    "row-38-swallows-interrupts",
    "row-41-daemon-of-a-run-that-dies",
    "row-42-slow-exit",
    "row-49-many-files",
    "row-51-huge-figure",
    "row-51-many-figures",
    "row-58-forked-pool",
}


def cases_of(engine: str) -> list[object]:
    """Every case the engine is asked to bear; the long ones are marked."""
    names = [name for name, case in CASES.items() if case.only in ("", engine)]
    is_long = [name not in KERNEL_SAMPLE if engine == "kernel" else name in LONG for name in names]
    marks = [[pytest.mark.hostile] * each for each in is_long]
    return [
        pytest.param(engine, name, id=f"{name}-{engine}", marks=each) for name, each in zip(names, marks, strict=True)
    ]


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Scene]]:
    """A scene per engine, each with a dashboard that others' runs must not harm."""
    made: dict[str, Scene] = {}
    yield made
    for scene in made.values():
        scene.close()


@pytest.fixture
def scene(scenes: dict[str, Scene], tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Scene:
    engine = request.node.callspec.params["engine"]
    if engine not in scenes:
        scenes[engine] = Scene(tmp_path_factory.mktemp(engine), engine)
        assert scenes[engine].publish("sales", PLOT).state is RunState.SUCCEEDED
        assert scenes[engine].publish("other", "print('there')").state is RunState.SUCCEEDED
    return scenes[engine]


@pytest.mark.parametrize(("engine", "name"), [*cases_of("fork"), *cases_of("kernel")])
def test_a_hostile_cell_harms_its_own_run_alone(scene: Scene, engine: str, name: str) -> None:
    case = CASES[name]
    slug = "sales" if case.fails else name  # a new version of a dashboard that is seen, or a new one
    seen = scene.look("sales")
    before = Resources.now()
    run = scene.publish(slug, case.source, nbdash=case.limits or {})
    check_nothing_left(before, scene.folder)
    if case.fails:
        assert run.state is RunState.FAILED and run.error is not None
        assert case.says.lower() in run.error.message.lower()
        check_sentence(run.error)
        assert run.error.message.split(":")[0][:200] in html.unescape(scene.log(slug))
    else:
        assert run.state is RunState.SUCCEEDED, run.error
        page = scene.page(slug)
        assert case.shows in page
        assert not case.hides or case.hides not in page
    assert scene.look("sales") == seen, "the last good page stays"
    assert not [word for word in PRIVATE if word in scene.page(slug)]
    assert scene.rerun("sales").state is RunState.SUCCEEDED
    assert scene.rerun("other").state is RunState.SUCCEEDED


@pytest.mark.parametrize("engine", ["fork"])
@pytest.mark.parametrize("source", ["import os; os._exit(3)", "raise ValueError('hunter2')"])
def test_a_rerun_that_fails_leaves_the_figures_and_tells_their_age(scene: Scene, engine: str, source: str) -> None:
    """The notebook stays, what it reads has changed: the banner is all that viewers see of it."""
    slug = f"turns-{len(source)}"
    script = scene.write(slug, "1").parent / "cell.py"
    cells = [f"#| title: Sales\nexec(open('cell.py').read())\n{PLOT}"]
    script.write_text("")
    assert scene.publish(slug, cells).state is RunState.SUCCEEDED
    figure = scene.get(f"/d/{slug}/figures/sales.png")
    script.write_text(source)
    failed = scene.rerun(slug)
    assert failed.state is RunState.FAILED and failed.error is not None
    page = scene.page(slug)
    assert scene.get(f"/d/{slug}/figures/sales.png") == figure and "data:image/png;base64," in page
    assert failed.error.reference in page
    assert not [word for word in (*PRIVATE, "ValueError: hunter2") if word in page]
    script.write_text("")
    assert scene.rerun(slug).state is RunState.SUCCEEDED
    assert failed.error.reference not in scene.page(slug)
