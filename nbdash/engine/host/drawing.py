"""Figures drawn beside the run: each in a process forked where a kernel draws it, while the next cells run.

The forked *drawer* repeats the kernel's own calls, with the process's state as it was at that moment, and sends
what they put out to the engine, which keeps the order.  In the run the figure sleeps (see ``sleeping``).
What cannot be drawn elsewhere without anybody noticing is left to the kernel's own calls in the run itself.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys
from collections.abc import Iterator
from typing import Any

from .grandchildren import fork_grandchild
from .sleeping import Slumber
from .streams import SilentChannel
from .survey import survey_figure

_BACKEND = "matplotlib_inline.backend_inline"


class Drawings:
    """The figures of one run that are drawn beside it, at most ``most`` at a time; 0: none."""

    def __init__(self, shell: Any, *, most: int) -> None:
        self._shell = shell
        self._most = most
        self._running: list[int] = []  # pipes that end with their drawers

    def take_open(self) -> None:
        """At a cell's end: take over what the inline back end would draw and close now, as far as possible."""
        backend = sys.modules.get(_BACKEND)
        if self._most < 1 or backend is None or not backend.show._draw_called or not self._has_usual_hooks(backend):
            return
        for manager in backend.Gcf.get_all_fig_managers():
            if not self._take(_Ending(self._shell, manager.canvas.figure)):
                return
        backend.show._to_draw, backend.show._draw_called = [], False

    def take_shown(self, figure: Any, frame: Any) -> bool:
        """Whether it is taken over: a figure that ``plt.show()`` displays and will close; ``frame`` formats it."""
        backend = sys.modules.get(_BACKEND)
        caller = frame.f_back
        if self._most < 1 or backend is None or frame.f_code is not backend.display.__code__:
            return False
        if caller.f_code is not backend.show.__code__ or not caller.f_locals["close"]:
            return False
        return self._take(_Showing(self._shell, figure, frame.f_locals["metadata"]))

    def wait(self, *, most: int = 0) -> None:
        """Until at most so many are being drawn."""
        while len(self._running) > most:
            poll = select.poll()
            for fd in self._running:
                poll.register(fd, select.POLLIN)
            for fd, _ in poll.poll():
                self._running.remove(fd)
                os.close(fd)

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
        usual = [self._shell.finish_figures, backend.matplotlib.pyplot._draw_all_if_interactive, backend.flush_figures]
        hooks = self._shell.events.callbacks["post_execute"]
        return all(each in usual for each in hooks) and backend.InlineBackend.instance().close_figures

    def _take(self, task: _Task) -> bool:
        """Whether a drawer draws it; the figure is closed then, and sleeps."""
        manager = task.figure.canvas.manager
        objects = None if manager is None else survey_figure(task.figure)
        if objects is None or not self._fork_drawer(task):
            return False
        sys.modules[_BACKEND].Gcf.destroy(manager)
        slumber = Slumber(objects, lambda: task.catch_up(self))
        try:
            slumber.begin()
        except TypeError:
            slumber.end()
        return True

    def _fork_drawer(self, task: _Task) -> bool:
        self.wait(most=self._most - 1)
        mine, theirs = socket.socketpair()
        self._shell.channel.flush()
        with mine, theirs:
            over = fork_grandchild(lambda is_alive: self._draw_alone(task, theirs, is_alive))
            if over is None:
                return False
            self._running.append(over)
            self._shell.channel.send_socket(mine)
        return True

    def _draw_alone(self, task: _Task, sock: socket.socket, is_alive: int) -> None:
        """What a drawer does."""
        self._most = 0
        self._shell.channel = drawer = self._shell.channel.drawer_on(sock, keep={is_alive})
        task.draw()
        drawer.finish()


class _Task:
    """A figure to be drawn, and how a kernel goes about it."""

    def __init__(self, shell: Any, figure: Any) -> None:
        self.figure = figure
        self._shell = shell
        self._settings = dict(sys.modules["matplotlib"].rcParams.items())

    def draw(self) -> None:
        """Make the kernel's own calls."""
        raise NotImplementedError

    def catch_up(self, drawings: Drawings) -> None:
        """Do to the figure what those calls did, with the settings of that time, and say nothing."""
        matplotlib = sys.modules["matplotlib"]
        with drawings.in_silence(), matplotlib.rc_context():
            dict.update(matplotlib.rcParams, self._settings)
            self._redraw(sys.modules[_BACKEND])

    def _redraw(self, backend: Any) -> None:
        raise NotImplementedError


class _Ending(_Task):
    """An open figure at a cell's end: drawn if it has changed, then displayed."""

    def draw(self) -> None:
        figures = sys.modules[_BACKEND].Gcf.figs
        for number in [each for each, manager in figures.items() if manager is not self.figure.canvas.manager]:
            del figures[number]
        self._shell.events.trigger("post_execute")

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
        self._metadata = metadata

    def draw(self) -> None:
        self._redraw(sys.modules[_BACKEND])

    def _redraw(self, backend: Any) -> None:
        backend.display(self.figure, metadata=self._metadata)
