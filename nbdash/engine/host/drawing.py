"""Figures drawn beside the run: each in a process forked where a kernel draws it, while the next cells run.

The forked *drawer* repeats the kernel's own calls, with the process's state as it was at that moment, and sends
what they put out to the engine, which keeps the order.  In the run the figure sleeps (see ``sleeping``).
What cannot be drawn elsewhere without anybody noticing is left to the kernel's own calls in the run itself.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import socket
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from .fingerprint import fingerprint_of
from .formats import figure_formats, repeatable
from .layouts import compute_layouts_once, has_usual_axes
from .once import warnings_told
from .settled import is_settled_by_one_draw
from .siblings import fork_sibling
from .sleeping import Slumber
from .streams import Drawer, SilentChannel
from .survey import survey_figure
from .system import die_with_parent, fork_quietly, leave

_BACKEND = "matplotlib_inline.backend_inline"
#: So many times more drawers than draw at a time may wait for their turn, so that the run need not wait for them.
_WAITING = 2
#: What drawers stand back behind the run, which alone makes work for other processors.
_NICENESS = 5


class Drawings:
    """The figures of one run that are drawn beside it, ``most`` at a time; 0: none."""

    #: Whether the engine is asked for the picture of each before it is drawn.
    reuses = False

    def __init__(self, shell: Any, *, most: int) -> None:
        self._shell = shell
        self._most = most
        self._count = 0
        self._running: list[int] = []  # pipes that end with their drawers

    def take_open(self) -> None:
        """At a cell's end: take over what the inline back end would draw and close now, as far as possible."""
        backend = sys.modules.get(_BACKEND)
        if self._most < 1 or backend is None or not backend.show._draw_called or not self._has_usual_hooks(backend):
            return
        tasks = [_Ending(self._shell, manager.canvas.figure) for manager in backend.Gcf.get_all_fig_managers()]
        if tasks and self._take(tasks):
            backend.show._to_draw, backend.show._draw_called = [], False

    def take_shown(self, figure: Any, frame: Any) -> bool:
        """Whether it is taken over: a figure that ``plt.show()`` displays and will close; ``frame`` formats it."""
        backend = sys.modules.get(_BACKEND)
        caller = frame.f_back
        if self._most < 1 or backend is None or frame.f_code is not backend.display.__code__:
            return False
        if caller.f_code is not backend.show.__code__ or not caller.f_locals["close"]:
            return False
        return self._take([_Showing(self._shell, figure, frame.f_locals["metadata"])])

    def wait(self, *, most: int = 0) -> None:
        """Until at most so many are being drawn."""
        while len(self._running) > most:
            poll = select.poll()
            for fd in self._running:
                poll.register(fd, select.POLLIN)
            for fd, _ in poll.poll():
                self._running.remove(fd)
                os.close(fd)

    @property
    def fds(self) -> set[int]:
        """The descriptors that tell when drawers are through."""
        return set(self._running)

    def forget(self) -> None:
        """In a fork: those that run are another process's."""
        self._running = []

    @contextlib.contextmanager
    def in_silence(self) -> Iterator[None]:
        """What is put out meanwhile has been put out by a drawer."""
        shell, formatter = self._shell, self._shell.display_formatter
        before = self._most, shell.channel, shell.shown_errors, formatter.draws
        self._most, shell.channel, shell.shown_errors, formatter.draws = 0, SilentChannel(), [], True
        try:
            with before[1].muted():
                yield
        finally:
            self._most, shell.channel, shell.shown_errors, formatter.draws = before

    def _has_usual_hooks(self, backend: Any) -> bool:
        """Whether only Matplotlib's own functions follow at the cell's end, and they draw and close all."""
        drawing = [backend.matplotlib.pyplot._draw_all_if_interactive, backend.flush_figures]
        tracking = getattr(self._shell.display_pub, "_on_post_execute", None)  # IPython's own, since 9
        hooks = self._shell.events.callbacks["post_execute"]
        others = [hook for hook in hooks if hook not in (self._shell.finish_figures, tracking)]
        return sorted(others, key=id) == sorted(drawing, key=id) and backend.InlineBackend.instance().close_figures

    def _take(self, tasks: Sequence[_Task]) -> bool:
        """Whether drawers draw them; the figures are closed then, and sleep."""
        if not self._is_plain():
            return False
        surveys = [objects for task in tasks if (objects := _survey(task.figure)) is not None]
        if len(surveys) < len(tasks):
            return False
        numbers: list[int] = []
        for task in tasks:
            number = self._fork_drawer(task)
            if number is None:
                return False
            numbers.append(number)
        for part in range(tasks[0].parts):
            for number in numbers:
                self._shell.channel.send("place", number=number, part=part)
        for task, objects in zip(tasks, surveys, strict=True):
            self._put_to_sleep(task, objects)
        return True

    def _is_plain(self) -> bool:
        """Whether what is put out goes where it usually goes, in the usual forms."""
        publisher = self._shell.display_pub
        is_usual = type(publisher) is self._shell.display_pub_class and not publisher._hooks
        return is_usual and self._shell.channel.has_text() and figure_formats(self._shell) is not None

    def _put_to_sleep(self, task: _Task, objects: list[Any]) -> None:
        sys.modules[_BACKEND].Gcf.destroy(task.figure.canvas.manager)
        slumber = Slumber(objects, lambda: task.catch_up(self))
        try:
            slumber.begin()
        except TypeError:
            slumber.end()

    def _fork_drawer(self, task: _Task) -> int | None:
        """The number of a drawer; None if there can be none."""
        self.wait(most=_WAITING * self._most - 1)
        mine, theirs = socket.socketpair()
        self._shell.channel.flush()
        with mine, theirs:
            over = fork_sibling(lambda is_alive: self._draw_alone(task, theirs, is_alive))
            if over is None:
                return None
            self._running.append(over)
            self._count += 1
            self._shell.channel.send_with(mine, "drawing", number=self._count)
        return self._count

    def _draw_alone(self, task: _Task, sock: socket.socket, is_alive: int) -> None:
        """What a drawer does, when it is its turn."""
        os.nice(_NICENESS)
        gc.freeze()  # else collecting garbage touches, and so copies, all that the run has
        self._shell.channel = drawer = self._shell.channel.drawer_on(sock, keep={is_alive, *self._running})
        self.wait(most=self._most - 1)
        drawer.send("begun")
        self._most = 0
        fingerprint = self._fingerprint_of(task) if self.reuses else None
        with warnings_told(drawer):
            if fingerprint is None or not drawer.ask("known", part=task.parts - 1, fingerprint=fingerprint):
                task.draw(drawer)

    def _fingerprint_of(self, task: _Task) -> str | None:
        formats = repeatable(figure_formats(self._shell) or {})
        return fingerprint_of(task.figure, {"formats": formats, "calls": task.calls()}) if formats else None


def _survey(figure: Any) -> list[Any] | None:
    """What drawing may change; None if the figure is not to be drawn elsewhere."""
    return None if figure.canvas.manager is None else survey_figure(figure)


class _Task:
    """A figure to be drawn, and how a kernel goes about it."""

    #: Into how many the kernel's calls are divided, since those of several figures come in turns.
    parts = 1
    #: What the back end tells of an opaque figure.
    metadata: Any = None

    def __init__(self, shell: Any, figure: Any) -> None:
        self.figure = figure
        self._canvas = figure.canvas  # Matplotlib takes it away from a figure that it closes
        self._shell = shell
        self._settings = dict(dict.items(sys.modules["matplotlib"].rcParams))

    def calls(self) -> list[Any]:
        """The kernel's own calls, as far as they differ from figure to figure, in JSON."""
        raise NotImplementedError

    def draw(self, drawer: Drawer) -> None:
        """Make them, or spend less on the same picture."""
        if not (has_usual_axes(self.figure) and self._is_drawn_alone(drawer)):
            self._draw_as_kernel(drawer)

    def _draw_as_kernel(self, drawer: Drawer) -> None:
        raise NotImplementedError

    def _is_drawn_alone(self, drawer: Drawer) -> bool:
        """Whether drawing the figure with less work put out its picture and nothing else.

        It is tried in a fork, since of what does not succeed there must be no trace.
        """
        parent = os.getpid()
        told, teller = os.pipe()
        pid = fork_quietly()
        if pid == 0:
            die_with_parent(parent)
            try:
                compute_layouts_once()
                if self._draws_nothing_else(drawer):
                    os.write(teller, b"y")
            finally:
                leave()
        os.close(teller)
        is_alone = os.read(told, 1) == b"y"
        os.close(told)
        if not is_alone:
            os.waitpid(pid, 0)
            drawer.skip_text()
        return is_alone

    def _draws_nothing_else(self, drawer: Drawer) -> bool:
        with drawer.holding() as held:
            if is_settled_by_one_draw(self.figure, figure_formats(self._shell) or {}):
                drawer.part = self.parts - 1
                sys.modules[_BACKEND].display(self.figure, metadata=self.metadata)
            else:
                self._draw_as_kernel(drawer)
        is_alone = [message["kind"] for message in held] == ["output"] and "data" in held[0]["output"]
        if is_alone:
            drawer.deliver(held)
        return is_alone

    def catch_up(self, drawings: Drawings) -> None:
        """Do to the figure what those calls did, with the settings of that time, and say nothing."""
        matplotlib = sys.modules["matplotlib"]
        with drawings.in_silence(), matplotlib.rc_context():
            dict.update(matplotlib.rcParams, self._settings)
            canvas = self.figure.canvas
            self.figure.set_canvas(self._canvas)
            self._redraw(sys.modules[_BACKEND])
            self.figure.set_canvas(canvas)

    def _redraw(self, backend: Any) -> None:
        raise NotImplementedError


class _Ending(_Task):
    """An open figure at a cell's end: drawn if it has changed, then displayed."""

    parts = 2

    def calls(self) -> list[Any]:
        hooks = [hook.__name__ for hook in self._shell.events.callbacks["post_execute"]]
        return [hooks, bool(self.figure.stale), sys.modules["matplotlib"].is_interactive()]

    def _draw_as_kernel(self, drawer: Drawer) -> None:
        figures = sys.modules[_BACKEND].Gcf.figs
        manager = self.figure.canvas.manager
        for number in figures.keys() - {manager.num}:
            del figures[number]
        *first, second = self._shell.events.callbacks["post_execute"][1:]
        self._call(*first)
        drawer.part = 1
        self._call(second)

    def _call(self, *hooks: Any) -> None:
        events = self._shell.events
        events.callbacks["post_execute"] = list(hooks)
        events.trigger("post_execute")

    def _redraw(self, backend: Any) -> None:
        with contextlib.suppress(Exception):
            if self.figure.stale and backend.matplotlib.is_interactive():
                self.figure.canvas.draw_idle()
        with contextlib.suppress(Exception):
            backend.display(self.figure, metadata=backend._fetch_figure_metadata(self.figure))


class _Showing(_Task):
    """A figure that is displayed while its cell goes on."""

    def __init__(self, shell: Any, figure: Any, metadata: Any) -> None:
        super().__init__(shell, figure)
        self.metadata = metadata

    def calls(self) -> list[Any]:
        return ["show", self.metadata]

    def _draw_as_kernel(self, drawer: Drawer) -> None:
        self._redraw(sys.modules[_BACKEND])

    def _redraw(self, backend: Any) -> None:
        backend.display(self.figure, metadata=self.metadata)
