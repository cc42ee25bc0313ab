"""What a notebook can ask of the kernel behind its shell: the request under way, its messages and magics.

Names and behaviour follow ipykernel's IPythonKernel and KernelMagics.
"""

from __future__ import annotations

import sys
import types
import warnings
from pathlib import Path
from typing import Any

from IPython import __version__ as ipython_version
from IPython.core import page
from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_magic, magics_class
from IPython.core.magics.code import CodeMagics, MacroToEdit
from IPython.display import Javascript, display
from IPython.utils import openpy

from .messages import Session

_OLD_NAME = "Kernel._parent_header is deprecated in ipykernel 6. Use .get_parent()"
_NO_CONNECTION = "Could not {}: nobody can connect to a run"


class IPythonKernel:
    """What libraries ask a kernel for; there is no kernel."""

    implementation = "ipython"
    implementation_version = ipython_version
    eventloop = None
    #: What front ends open comms through; None without the package ``comm``.
    comm_manager: Any = None

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.iopub_socket = object()  #: where messages to front ends go
        self.session = Session(shell, self.iopub_socket)
        version = sys.version.split()[0]
        self.language_info = {
            "name": "python",
            "version": version,
            "mimetype": "text/x-python",
            "codemirror_mode": {"name": "ipython", "version": sys.version_info[0]},
            "pygments_lexer": "ipython3",
            "nbconvert_exporter": "python",
            "file_extension": ".py",
        }

    @property
    def banner(self) -> str:
        """The shell's."""
        return str(self.shell.banner)

    def get_parent(self, channel: str | None = None) -> dict[str, Any]:
        """The request under way."""
        parent: dict[str, Any] = self.shell.get_parent()
        return parent

    @property
    def _parent_header(self) -> dict[str, Any]:
        warnings.warn(_OLD_NAME, DeprecationWarning, stacklevel=2)
        return self.get_parent()

    @property
    def execution_count(self) -> int:
        """The shell's."""
        return int(self.shell.execution_count)

    def send_response(self, stream: object, msg_or_type: Any, content: Any = None, *more: Any, **named: Any) -> Any:
        """Send a message about the request under way."""
        return self.session.send(stream, msg_or_type, content, self.get_parent(), *more, **named)


@magics_class
class KernelMagics(Magics):  # type: ignore[misc]
    """The magics that a kernel has and IPython has not."""

    @line_magic  # type: ignore[untyped-decorator]
    def edit(self, arguments: str = "", last_call: Any = None) -> None:
        """Find what is to be edited; a front end would open it."""
        options, target = self.parse_options(arguments, "prn:")
        try:
            CodeMagics._find_edit_target(self.shell, target, options, last_call or ["", ""])
        except MacroToEdit:
            print("Macro editing not yet implemented in 2-process model.")

    @line_magic  # type: ignore[untyped-decorator]
    def clear(self, arguments: str) -> None:
        """Clear the terminal."""
        self.shell.system("clear")

    @line_magic  # type: ignore[untyped-decorator]
    def less(self, name: str) -> None:
        """Show a file through the pager."""
        if not name:
            raise UsageError("Missing filename.")
        if name.endswith(".py"):
            text = self.shell.pycolorize(openpy.read_py_file(name, skip_encoding_cookie=False))
        else:
            text = Path(name).read_text()
        page.page(text)

    more = line_magic("more")(less)

    @line_magic  # type: ignore[untyped-decorator]
    def man(self, name: str) -> None:
        """Show a manual page through the pager."""
        page.page(self.shell.getoutput(f"man {name} | col -b", split=False))

    @line_magic  # type: ignore[untyped-decorator]
    def autosave(self, seconds: str) -> None:
        """Set a front end's interval."""
        try:
            interval = int(seconds)
        except ValueError as error:
            raise UsageError(f"%autosave requires an integer, got {seconds!r}") from error
        script = Javascript(f"IPython.notebook.set_autosave_interval({1000 * interval})")
        display(script, include=["application/javascript"])
        print(f"Autosaving every {interval} seconds" if interval else "Autosave disabled")

    @line_magic  # type: ignore[untyped-decorator]
    def connect_info(self, arguments: str) -> None:
        """How other clients connect."""
        warnings.warn(_NO_CONNECTION.format("get connection info"), stacklevel=2)

    @line_magic  # type: ignore[untyped-decorator]
    def qtconsole(self, arguments: str) -> None:
        """Open a console."""
        warnings.warn(_NO_CONNECTION.format("start qtconsole"), stacklevel=2)

    @line_magic  # type: ignore[untyped-decorator]
    def subshell(self, arguments: str) -> None:
        """List the subshells."""
        print("Kernel does not support subshells")


def be_imported(classes: dict[str, Any]) -> None:
    """Let libraries that look for ipykernel's shell among the imported modules find it (tqdm does)."""
    module = types.ModuleType("ipykernel.zmqshell", "Stands in for ipykernel's module in a run.")
    module.__dict__.update(classes)
    for each in classes.values():
        each.__module__ = module.__name__
    sys.modules[module.__name__] = module
