"""Seeing one forked run through: its messages become events, its limits are kept, its end is told."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from nbdash.engine import failures
from nbdash.engine.budget import OutputBudget
from nbdash.engine.checkpoints import Checkpoint, Offer, PrefixLog
from nbdash.engine.drawings import Drawers, Drawing, InOrder
from nbdash.engine.frames import event_from_frame
from nbdash.engine.host.wire import FrameReader, WireError
from nbdash.engine.limits import MemoryWatch
from nbdash.engine.pictures import Pictures
from nbdash.engine.pipes import TextPipe
from nbdash.engine.processes import ATTEMPT_MARK, kill_marked
from nbdash.engine.stopping import Stopper
from nbdash.engine.zygotes import Connections, Forked, Zygote
from nbdash.model import (
    Cause,
    CellEnded,
    CellError,
    CellJob,
    CellStarted,
    Emit,
    Failure,
    Job,
    Outcome,
    OutputAdded,
)

_TICK_SECONDS = 0.05
#: Text is passed on this long after it came, or with the next message: a kernel's interval.
_TEXT_SECONDS = 0.2
_READ_BYTES = 1 << 20
#: Connections that have come and belong to no message yet.
_MOST_FDS = 64
#: What is read of a run while it waits for a figure: more has to wait with it.
_MOST_BEHIND = 64 * 1024**2
#: What a dead drawer has left in its connection is read in so many pieces at most.
_LAST_READS = 16
#: Less text than this at a time is let gather, instead of being fetched line by line.
_BURST_BYTES = 1 << 16
_BURST_SECONDS = 0.005
#: From the last cell's end to the kill; from a closed connection to it.
_FINISH_GRACE, _CLOSED_GRACE = 2.0, 1.0
_LAST_WORDS = 60


class Supervision:
    """One run, from its fork to its last process's end."""

    def __init__(
        self,
        job: Job,
        emit: Emit,
        *,
        links: Connections,
        forked: Forked,
        pictures: Pictures | None,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        """``checkpoint``: where it was forked from, if not at its beginning."""
        self._job = job
        self._resumed = checkpoint
        told = set() if checkpoint is None else set(checkpoint.past.told)
        self._log = PrefixLog(emit, job, told)
        self._offer = Offer()
        self._order = InOrder(self._log, told)
        self._emit = OutputBudget(job.limits, self._order)
        self._drawers = Drawers(self._order, self._emit, token=links.token, pictures=pictures)
        self._links = links
        self._forked = forked
        self._frames, self._reports = FrameReader(links.token), FrameReader(links.token)
        self._fds: deque[int] = deque()  # that came with the messages just read
        self._behind = 0  # bytes read since something waits for a figure
        self._pipes = tuple(
            TextPipe(name, fd, links.token) for name, fd in (("stdout", links.stdout), ("stderr", links.stderr))
        )
        self._open: set[Any] = {links.channel, links.keeper, *self._pipes}
        self._memory = MemoryWatch(forked.keeper, limits=job.limits, shared=forked.shared_bytes)
        self._stopper = Stopper(links.keeper, forked.keeper)
        self._cells = {cell.index: cell for cell in job.cells}
        self._cell: CellJob | None = None
        self._last_words: deque[str] = deque(maxlen=_LAST_WORDS)
        self._began = self._cell_began = time.monotonic()
        self._text_due: float | None = None
        self._received = 0
        self._failure: Failure | None = None  # why it is being stopped, or the cell that failed
        self._is_done = False
        self._report: dict[str, Any] | None = None
        for sock in (links.channel, links.keeper):
            sock.setblocking(False)

    def watch(self, is_stopped: Callable[[], bool]) -> Outcome:
        """Return when nothing of the run is left alive; ``is_stopped`` is asked many times a second."""
        try:
            for event in self._resumed.events_in(self._job) if self._resumed else ():
                self._emit(event)
            while self._links.keeper in self._open and self._report is None:
                self._receive()
                self._pass_text()
                self._check(is_stopped)
            self._receive_rest()
            if not self._leaves_checkpoint:
                self._offer.close()
                self._see_keeper_end()
        except BaseException:
            self._kill_now()
            self._offer.close()
            raise
        finally:
            self._drawers.close()
            while self._fds:
                os.close(self._fds.popleft())
            if self._report is None:  # its keeper has been killed, and so has not killed what was left
                self._memory.kill_survivors()
                if ATTEMPT_MARK in self._job.environment:
                    kill_marked(ATTEMPT_MARK, self._job.environment[ATTEMPT_MARK])
        return self._outcome()

    def checkpoint(self, zygote: Zygote) -> Checkpoint | None:
        """What the run has left behind for others, when it is over."""
        return self._offer.settle(self._links.keeper, self._log.past, zygote) if self._leaves_checkpoint else None

    @property
    def _leaves_checkpoint(self) -> bool:
        """Whether there is one; its keeper stays with it."""
        return self._offer.is_kept and self._log.past is not None and not self._stopper.is_killing

    def _kill_now(self) -> None:
        """Kill the run and see it dead, taking in nothing more; for when whoever receives its events fails."""
        self._stopper.kill()
        self._open = {self._links.keeper}
        self._see_keeper_end()

    def _see_keeper_end(self) -> None:
        while self._links.keeper in self._open:
            self._receive()
            self._stopper.press_on()

    # --- what comes from the run -----------------------------------------------------------------

    def _receive(self) -> None:
        if not self._order.is_waiting:
            self._behind = 0
        waits = {self._links.channel} if self._behind > _MOST_BEHIND else set()
        drawings = self._drawers.open
        ready = _readable((self._open | drawings | self._offer.open) - waits, _TICK_SECONDS)
        if self._links.channel in ready:
            self._receive_frames()
        if self._links.keeper in ready:
            self._receive_report()
        if ready & self._offer.open and (pid := self._offer.hear()) is not None:
            self._stopper.spare(pid)
            self._offer.accept()
        for drawing in ready & drawings:
            self._receive_drawing(drawing)
        arrived = sum(self._read_pipe(pipe) for pipe in self._pipes if pipe in ready)
        is_text = all(pipe in self._pipes and not pipe.announces for pipe in ready)
        if is_text and 0 < arrived < _BURST_BYTES:
            time.sleep(_BURST_SECONDS)

    def _receive_frames(self) -> None:
        data = self._read_socket(self._links.channel)
        self._behind += len(data)
        try:
            for frame in self._frames.feed(data):
                self._take_frame(frame)
            if len(self._fds) > _MOST_FDS:
                raise WireError("connections for nothing")
        except WireError:
            self._open.discard(self._links.channel)
            self._refuse()

    def _refuse(self) -> None:
        message = f"The run wrote into a connection that is not its own{_inside(self._cell)}."
        self._stop(_failure(Cause.SIGNAL, message, self._cell))
        self._stopper.kill()

    def _receive_drawing(self, drawing: Drawing) -> None:
        try:
            self._drawers.receive(drawing)
        except WireError:
            self._refuse()
        if drawing.is_over:
            self._end_drawing(drawing)

    def _receive_last(self, drawing: Drawing) -> None:
        """What a dead drawer said before it ended; whoever else holds its connection is not listened to."""
        for _ in range(_LAST_READS):
            if not drawing.is_over and _readable({drawing}, 0):
                self._receive_drawing(drawing)
        if not drawing.is_over:
            self._end_drawing(drawing)

    def _end_drawing(self, drawing: Drawing) -> None:
        if not drawing.is_drawn and not self._stopper.is_killing:
            self._stop(failures.drawing_died(self._cells[drawing.index]))
            self._stopper.kill()
        self._drawers.end(drawing, self._emit.finish)

    def _read_socket(self, sock: Any) -> bytes:
        """What is there; at the end of the stream the socket is no longer read."""
        try:
            data, fds, _, _ = socket.recv_fds(sock, _READ_BYTES, _MOST_FDS)
            self._fds.extend(fds)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self._open.discard(sock)
            self._stopper.kill_within(_CLOSED_GRACE)
        return data

    def _receive_report(self) -> None:
        with contextlib.suppress(WireError):
            for report in self._reports.feed(self._read_socket(self._links.keeper)):
                if "status" in report:
                    self._report = report

    def _read_pipe(self, pipe: TextPipe) -> int:
        count = pipe.read()
        if pipe.is_ended:
            self._open.discard(pipe)
        if count and self._text_due is None:
            self._text_due = time.monotonic() + _TEXT_SECONDS
        if count >= _BURST_BYTES:
            self._text_due = 0.0
        return count

    def _take_frame(self, frame: dict[str, Any]) -> None:
        self._received += 1
        for pipe in self._pipes:
            self._add_text(pipe.name, pipe.take_until(self._received))
        if self._is_about_process(frame):
            return
        if frame.get("kind") == "done":
            self._is_done = True
            self._stopper.kill_within(_FINISH_GRACE)
            if frame.get("exited") is True:
                self._stop(_exited(self._cell))
            return
        event = event_from_frame(frame)
        if event.index not in self._cells:
            raise WireError("a message about a cell that is not in the job")
        if isinstance(event, CellStarted):
            self._cell, self._cell_began = self._cells[event.index], time.monotonic()
            self._last_words.clear()
        self._emit(event)
        if isinstance(event, CellEnded):
            self._end_cell(event)

    def _is_about_process(self, frame: dict[str, Any]) -> bool:
        """Whether it was a message about another process of the run's, and has been taken in."""
        match frame.get("kind"):
            case "drawing" | "place" if frame.get("index") in self._cells:
                self._drawers.take(frame, self._fds)
            case "checkpoint" if self._job.prefix:
                self._offer.begin(self._fds)
            case _:
                return False
        return True

    def _end_cell(self, event: CellEnded) -> None:
        cell = self._cells[event.index]
        if event.error is not None and not cell.may_raise:
            self._stop(failures.failed_cell(cell, event.error))
        if self._stopper.is_ending:
            self._stopper.kill()  # it was interrupted, and this is the end of it

    def _pass_text(self) -> None:
        if self._text_due is not None and time.monotonic() >= self._text_due:
            self._text_due = None
            for pipe in self._pipes:
                self._add_text(pipe.name, pipe.take_free())

    def _add_text(self, name: str, text: str) -> None:
        if not text or self._cell is None or self._is_done:
            return
        if name == "stderr":
            self._last_words.extend(text.splitlines())
        output = {"output_type": "stream", "name": name, "text": text}
        self._emit(OutputAdded(index=self._cell.index, output=output))

    def _receive_rest(self) -> None:
        """What the run said before it ended."""
        while self._links.channel in self._open and _readable({self._links.channel}, 0):
            self._receive_frames()
        for drawing in self._drawers.open:
            self._receive_last(drawing)
        for pipe in self._pipes:
            self._add_text(pipe.name, pipe.take_rest())
        if self._cell is not None:
            self._emit.finish(self._cell.index)

    # --- limits ------------------------------------------------------------------------------------

    def _check(self, is_stopped: Callable[[], bool]) -> None:
        self._stopper.press_on()
        if not self._is_done and not self._stopper.is_killing:
            self._memory.look()
            self._check_limits(time.monotonic(), is_stopped)

    def _check_limits(self, now: float, is_stopped: Callable[[], bool]) -> None:
        limits, cell = self._job.limits, self._cell
        if self._memory.is_exceeded:
            self._stop(self._too_much())
            self._stopper.kill()
        elif self._stopper.is_ending:
            return
        elif is_stopped():
            self._interrupt(failures.run_cancelled(cell))
        elif now - self._began > limits.run_seconds:
            self._interrupt(failures.run_timed_out(cell, limits.run_seconds))
        elif limits.cell_seconds and cell and now - self._cell_began > limits.cell_seconds:
            self._interrupt(failures.cell_timed_out(cell, limits.cell_seconds))
        elif limits.cell_seconds and (slow := self._drawers.since(now - limits.cell_seconds)):
            self._interrupt(failures.cell_timed_out(self._cells[slow.index], limits.cell_seconds))

    def _too_much(self) -> Failure:
        if self._memory.has_too_many_processes:
            return failures.too_many_processes(self._cell, self._job.limits.processes)
        return failures.memory_exceeded(self._cell, self._job.limits.memory_bytes, self._memory.peak)

    def _interrupt(self, failure: Failure) -> None:
        self._stop(failure)
        self._stopper.interrupt()

    def _stop(self, failure: Failure) -> None:
        """The first reason counts; what follows from it does not."""
        self._failure = failure if self._failure is None else self._failure

    # --- how it ended ------------------------------------------------------------------------------

    def _outcome(self) -> Outcome:
        report = self._report
        peak = self._memory.peak
        if report is not None:
            peak = max(peak, int(report["peak"]))
        data_at = None if self._resumed is None else self._resumed.past.began
        failure = self._failure or self._died()
        return Outcome(failure=failure, peak_memory_bytes=peak, engine="fork", data_at=data_at)

    def _died(self) -> Failure | None:
        """None if the run came to its end; else how its process ended."""
        if self._is_done:
            return None
        if self._report is None:
            message = f"The process that keeps the run was killed{_inside(self._cell)}, most likely by the run itself."
            return _failure(Cause.SIGNAL, message, self._cell)
        code = os.waitstatus_to_exitcode(int(self._report["status"]))
        return failures.process_ended(self._cell, code, tuple(self._last_words))


def _readable(files: set[Any], seconds: float) -> set[Any]:
    """Those from which something can be read by then; unlike ``select``, of any number."""
    poll = select.poll()
    by_fd = {file.fileno(): file for file in files}
    for fd in by_fd:
        poll.register(fd, select.POLLIN)
    return {by_fd[fd] for fd, _ in poll.poll(seconds * 1000)}


def _inside(cell: CellJob | None) -> str:
    return "" if cell is None else f" in c{failures.place_of(cell)[1:]}"


def _exited(cell: CellJob | None) -> Failure:
    """``exit()`` and ``quit()``, which leave a kernel without a word, count as ``sys.exit()`` does."""
    if cell is None:
        raise WireError("an exit from no cell")
    return failures.failed_cell(cell, CellError(ename="SystemExit", evalue="exit() or quit() was called"))


def _failure(cause: Cause, message: str, cell: CellJob | None) -> Failure:
    index, title = (None, None) if cell is None else (cell.index, cell.title)
    return Failure(cause=cause, message=message, index=index, title=title)
