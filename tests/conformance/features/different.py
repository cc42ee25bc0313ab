"""Where a run is not as a kernel, each with its reason; what is here must differ, or it belongs elsewhere."""

from __future__ import annotations

_NO_APPLICATION = "there is no kernel application and no connection file in a run, to which nobody could connect"
_LEAVES = (
    "a kernel told to exit still executes the cells that come within a tenth of a second; a run ends after the cell "
    "that says so, whenever the next one comes"
)
_CRASH = "a run tells where its process crashed, as text of that cell; a kernel's words go to the terminal, if any"

#: Name of the session: its cells, and why they differ.
SESSIONS: dict[str, tuple[dict[str, str], str]] = {
    "lone surrogates": (
        {"print": "print('\\ud800')"},
        "a kernel loses text that is no Unicode and prints an error of its own; a run shows U+FFFD in its place",
    ),
    "errors with lone surrogates": (
        {"raise": "raise ValueError('\\ud800')"},
        "a kernel loses an error whose text is no Unicode; a run shows U+FFFD in its place",
    ),
    "an error without a text": (
        {"raise": "class Mute(Exception):\n    def __str__(self): raise ValueError('no text')\nraise Mute"},
        "a kernel fails over the text of the exception and shows that error; a run shows the exception",
    ),
    "%pdb": (
        {"on": "%pdb on\n1 / 0"},
        "the debugger, which cannot ask anybody, stops in the code that runs the cell, and that is another",
    ),
    "text of an earlier cell's task": (
        {
            "begin": "import asyncio\nasync def later():\n    await asyncio.sleep(0.05); print('from a task')\n"
            "t = asyncio.create_task(later())",
            "await": "await t",
        },
        "nbclient drops what a task prints once the cell that began it is over; a run shows it in the cell under way",
    ),
    "the imported modules": (
        {"modules": "import sys\n'ipykernel' in sys.modules"},
        "a run has no ipykernel, only what libraries look for: its shell under its name",
    ),
    "the connection file": (
        {
            "file": "import os\nfrom ipykernel.connect import get_connection_file\n"
            "os.path.basename(get_connection_file())[:6]"
        },
        _NO_APPLICATION,
    ),
    "the kernel application": (
        {"application": "from ipykernel.kernelapp import IPKernelApp\nIPKernelApp.initialized()"},
        _NO_APPLICATION,
    ),
    "%connect_info": ({"connect": "%connect_info"}, _NO_APPLICATION),
    "%matplotlib -l": (
        {
            "import": "import matplotlib.pyplot as plt",
            "agg": "%matplotlib agg\nplt.plot([1, 2]);",
            "inline": "%matplotlib inline\nplt.plot([1, 2]);",
            "list": "%matplotlib -l",
        },
        "the process that a run is forked from has drawn a figure, so the inline back end is listed by its module too",
    ),
    "%subshell": ({"subshell": "%subshell"}, _NO_APPLICATION),
    "%config, which lists classes": ({"config": "%config"}, _NO_APPLICATION),
    **{
        f"{name} in the middle": ({"before": "print('before')\n1", "end": name, "after": "print('after')"}, _LEAVES)
        for name in ("exit()", "quit()", "exit")
    },
    "a segmentation fault": ({"before": "1", "crash": "import ctypes\nctypes.string_at(0)"}, _CRASH),
    "os.abort()": ({"before": "1", "abort": "import os\nos.abort()"}, _CRASH),
}
