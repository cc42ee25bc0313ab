"""An IPython shell that looks like a Jupyter kernel's, for libraries that look.

Names and behaviour follow ipykernel's ZMQInteractiveShell, ZMQDisplayPublisher and ZMQShellDisplayHook;
where those send a message to a front end, these send one to the engine.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import zlib
from subprocess import CalledProcessError
from typing import Any

from IPython.core import page
from IPython.core.autocall import ZMQExitAutocall
from IPython.core.compilerop import CachingCompiler
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.formatters import DisplayFormatter
from IPython.core.interactiveshell import InteractiveShell, InteractiveShellABC
from IPython.utils.process import system
from traitlets import Any as AnyTrait
from traitlets import CBool, Instance, Type, default
from traitlets.config import Config

from .comms import offer_comms
from .drawing import Drawings
from .figures import close_unseen, describe_figure, is_figure
from .kernel import IPythonKernel, KernelMagics, be_imported
from .messages import execute_request, tell
from .streams import Channel

#: The longest traceback and error text that is sent.
_ERROR_CHARS = 256 * 1024


def make_shell() -> ZMQInteractiveShell:
    """The shell, once per process, with Matplotlib's inline back end the default, as in a kernel."""
    if not os.environ.get("MPLBACKEND"):
        os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    config = Config()
    config.HistoryManager.hist_file = ":memory:"  # nbclient's choice, which a notebook may look at
    config.IPKernelApp.connection_file = ""
    shell: ZMQInteractiveShell = ZMQInteractiveShell.instance(config=config, compiler_class=CellCompiler)
    shell.kernel = IPythonKernel(shell)
    offer_comms(shell)
    shell.extension_manager.load_extension("storemagic")  # as a kernel does
    return shell


class CellCompiler(CachingCompiler):  # type: ignore[misc]
    """Names each cell's code like a kernel does, so that warnings and tracebacks read the same."""

    def get_code_name(self, raw_code: str, code: str, number: int) -> str:
        """``/tmp/ipykernel_<pid>/<number>.py``"""
        folder = os.path.join(tempfile.gettempdir(), f"ipykernel_{os.getpid()}")
        return os.path.join(folder, f"{zlib.crc32(raw_code.encode('utf-8', 'replace'))}.py")


class _Hooked:
    """ipykernel's ``register_hook``: thread-local callables that may change or swallow a message."""

    _local: Any

    @property
    def _hooks(self) -> list[Any]:
        if not hasattr(self._local, "hooks"):
            self._local.hooks = []
        hooks: list[Any] = self._local.hooks
        return hooks

    def register_hook(self, hook: Any) -> None:
        """Have ``hook(message)`` called before each message; what it returns is sent, None swallows it."""
        self._hooks.append(hook)

    def unregister_hook(self, hook: Any) -> bool:
        """Whether the hook was there to be removed."""
        if hook not in self._hooks:
            return False
        self._hooks.remove(hook)
        return True

    def _pass_hooks(self, kind: str, content: dict[str, Any]) -> dict[str, Any] | None:
        message: Any = {"header": {"msg_type": kind}, "msg_type": kind, "content": content}
        for hook in self._hooks:
            message = hook(message)
            if message is None:
                return None
        passed: dict[str, Any] = message["content"]
        return passed


class ZMQDisplayPublisher(_Hooked, DisplayPublisher):  # type: ignore[misc]
    """Sends ``display_data``, ``update_display_data`` and ``clear_output``."""

    _local = AnyTrait()

    @default("_local")  # type: ignore[untyped-decorator]
    def _default_local(self) -> Any:
        return threading.local()

    def publish(  # type: ignore[no-untyped-def]  # IPython's own signature
        self, data, metadata=None, source=None, *, transient=None, update=False, **kwargs
    ) -> None:
        """Send a display; one without a display id cannot be updated."""
        metadata = metadata or {}
        self._validate_data(data, metadata)
        kind = "update_display_data" if update else "display_data"
        about = self.shell.display_formatter.about(data)
        content = self._pass_hooks(kind, {"data": data, "metadata": metadata, "transient": transient or {}})
        if content is not None:
            tell(self.shell.channel, kind, content, about=about)

    def clear_output(self, wait: bool = False) -> None:
        """Clear the cell's outputs, at once or when the next one comes."""
        content = self._pass_hooks("clear_output", {"wait": wait})
        if content is not None:
            tell(self.shell.channel, "clear_output", content)


class ZMQShellDisplayHook(_Hooked, DisplayHook):  # type: ignore[misc]
    """Sends a cell's value as ``execute_result``."""

    _local = AnyTrait()
    #: The result under way; an error raised meanwhile is one of formatting.
    result: dict[str, Any] | None = None

    @default("_local")  # type: ignore[untyped-decorator]
    def _default_local(self) -> Any:
        return threading.local()

    def start_displayhook(self) -> None:
        """Begin a result."""
        self.result = {"data": {}, "metadata": {}}

    def write_output_prompt(self) -> None:
        """Put the number in."""
        if self.result is not None:
            self.result["execution_count"] = self.prompt_count

    def write_format_data(self, format_dict: dict[str, Any], md_dict: dict[str, Any] | None = None) -> None:
        """Put the MIME bundle in."""
        if self.result is not None:
            self.result |= {"data": format_dict, "metadata": md_dict or {}}

    def finish_displayhook(self) -> None:
        """Send it, unless something else showed the value or a hook swallows it."""
        result, self.result = self.result, None
        if not result or not result["data"]:
            return
        about = self.shell.display_formatter.about(result["data"])
        content = self._pass_hooks("execute_result", result)
        if content is not None:
            tell(self.shell.channel, "execute_result", content, about=about)


class FigureFormatter(DisplayFormatter):  # type: ignore[misc]
    """Formats as IPython does, remembers what a figure tells of itself, and draws none that nobody sees."""

    #: False in a cell whose outputs are not shown.
    draws = True
    _described: tuple[Any, dict[str, str | None]] = (None, {})

    def format(self, obj: Any, include: Any = None, exclude: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        """The MIME bundle and its metadata; both empty for a figure that is not to be drawn."""
        if not is_figure(obj):
            return super().format(obj, include, exclude)  # type: ignore[no-any-return]
        if not self.draws or self.parent.drawings.take_shown(obj, sys._getframe(1)):
            return {}, {}
        data, metadata = super().format(obj, include, exclude)
        self._described = (data, describe_figure(obj))
        return data, metadata

    def about(self, data: dict[str, Any]) -> dict[str, str | None]:
        """Title and alternative text if ``data`` is the bundle just made of a figure."""
        described, about = self._described
        self._described = (None, {})
        return about if described is data else {}


class ZMQInteractiveShell(InteractiveShell):  # type: ignore[misc]
    """IPython's shell as it is in a kernel."""

    displayhook_class = Type(ZMQShellDisplayHook)
    display_pub_class = Type(ZMQDisplayPublisher)
    kernel = AnyTrait()
    channel: Channel
    readline_use = CBool(False)
    autoindent = CBool(False)
    exiter = Instance(ZMQExitAutocall)
    keepkernel_on_exit = None
    drawings: Drawings
    shown_errors: list[dict[str, Any]]
    #: The message that asked for the cell under way.
    parent_header: dict[str, Any]
    failed_in_displayhook = False

    @default("exiter")  # type: ignore[untyped-decorator]
    def _default_exiter(self) -> Any:
        return ZMQExitAutocall(self)

    def init_display_formatter(self) -> None:
        """Use the formatter that knows figures."""
        self.display_formatter = FigureFormatter(parent=self)
        self.configurables.append(self.display_formatter)

    def init_events(self) -> None:
        """Put our hook before any that a library registers."""
        super().init_events()
        self.events.register("post_execute", self.finish_figures)

    def finish_figures(self) -> None:
        """At a cell's end, before Matplotlib does: figures that nobody sees are closed, others drawn beside the run."""
        if self.display_formatter.draws:
            self.drawings.take_open()
        else:
            close_unseen()

    def init_environment(self) -> None:
        """What a kernel sets for the programs that cells start: colours, no pager."""
        colours = {"TERM": "xterm-color", "CLICOLOR": "1", "FORCE_COLOR": "1", "CLICOLOR_FORCE": "1"}
        os.environ.update(colours, PAGER="cat", GIT_PAGER="cat")

    def init_virtualenv(self) -> None:
        """A kernel does not look for one."""

    def init_hooks(self) -> None:
        """Pages of text go nowhere, as with a kernel whose front end shows none."""
        super().init_hooks()
        self.set_hook("show_in_pager", page.as_hook(lambda *_, **__: None), 99)

    def enable_gui(self, gui: Any = None) -> None:
        """There is no screen."""

    def ask_exit(self) -> None:
        """``exit()`` and ``quit()``: the run ends after this cell."""
        self.exit_now = True

    def system_piped(self, cmd: str) -> None:
        """``!cmd``: run it, its output in the cell; the status is in ``_exit_code``."""
        if cmd.rstrip().endswith("&"):
            raise OSError("Background processes not supported.")
        exit_code = system(self.var_expand(cmd, depth=1))
        self.user_ns["_exit_code"] = exit_code
        if getattr(self, "system_raise_on_error", False) and exit_code != 0:
            raise CalledProcessError(exit_code, cmd)

    system = system_piped

    def init_magics(self) -> None:
        """IPython's and a kernel's."""
        super().init_magics()
        self.register_magics(KernelMagics)
        self.magics_manager.register_alias("ed", "edit")

    def get_parent(self) -> dict[str, Any]:
        """As ipykernel's."""
        return self.parent_header

    def set_parent(self, parent: dict[str, Any]) -> None:
        """As ipykernel's; it changes nothing but what :meth:`get_parent` returns."""
        self.parent_header = parent

    def begin_cell(self, cell: dict[str, Any]) -> None:
        """Forget the last cell's errors; this one says whether figures are drawn, and asked for before."""
        self.parent_header = execute_request(cell["source"], f"{os.getpid()}_{self.execution_count}")
        self.shown_errors = []
        self.failed_in_displayhook = False
        self.display_formatter.draws = cell["draws"]
        self.drawings.reuses = cell["reuses"]

    def error_shown_for(self, raised: BaseException | None) -> dict[str, Any]:
        """The error that the cell showed for what it raised; it may have shown others, handled or about this one."""
        fitting = [each for each in self.shown_errors if each["ename"] == type(raised).__name__]
        shown = fitting or self.shown_errors
        return shown[-1] if shown else error_content(type(raised), raised, [])

    def _showtraceback(self, etype: type, evalue: BaseException, stb: list[str]) -> None:
        if self.displayhook.result is not None:
            self.failed_in_displayhook = True
        error = error_content(etype, evalue, bounded_traceback(stb))
        self.shown_errors.append(error)
        tell(self.channel, "error", error)


def error_content(etype: type, evalue: BaseException | None, traceback: list[str]) -> dict[str, Any]:
    """ename, evalue and traceback, whatever the exception does when it is asked for its text."""
    try:
        text = str(evalue)
    except BaseException:
        text = f"<{etype.__name__} whose text cannot be read>"
    return {"ename": str(etype.__name__), "evalue": _bounded(text), "traceback": traceback}


def bounded_traceback(lines: list[str]) -> list[str]:
    """The traceback, its middle left out if it is very long."""
    lines = [_bounded(line) for line in lines]
    while len(lines) > 3 and sum(map(len, lines)) > 2 * _ERROR_CHARS:
        del lines[len(lines) // 2]
    return lines


def _bounded(text: str) -> str:
    if len(text) <= _ERROR_CHARS:
        return text
    half = _ERROR_CHARS // 2
    return f"{text[:half]}\n… {(len(text) - 2 * half) / 1024**2:.1f} MB cut …\n{text[-half:]}"


be_imported({each.__name__: each for each in (ZMQInteractiveShell, ZMQDisplayPublisher, KernelMagics)})
InteractiveShellABC.register(ZMQInteractiveShell)
