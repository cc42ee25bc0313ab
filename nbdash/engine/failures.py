"""The sentences in which a run's failure is told to its author; the same for every engine."""

from __future__ import annotations

import signal
from dataclasses import replace

from nbdash.model import Cause, CellError, CellJob, Failure

_MIB = 1024**2
#: What is kept of either end of an error's text, and of a name and a sentence.
_KEPT_CHARACTERS = 32 * 1024
_NAME_CHARACTERS = 100
_SAID_CHARACTERS = 300


def failed_cell(cell: CellJob, error: CellError) -> Failure:
    """The cell raised."""
    error = bounded_error(error)
    said = f"{error.ename}: {error.evalue.splitlines()[0]}" if error.evalue.strip() else error.ename
    if len(said) > _SAID_CHARACTERS:
        said = f"{said[:_SAID_CHARACTERS]}…"
    return _failure(Cause.ERROR, f"{place_of(cell)} raised {said}", cell, error=error)


def bounded_error(error: CellError) -> CellError:
    """The error with the middle of long texts left out: a cell may raise anything."""
    return replace(
        error,
        ename=error.ename[:_NAME_CHARACTERS],
        evalue=_shortened(error.evalue),
        traceback=tuple(_shortened(line) for line in error.traceback),
    )


def _shortened(text: str) -> str:
    cut = len(text) - 2 * _KEPT_CHARACTERS
    if cut <= 0:
        return text
    return f"{text[:_KEPT_CHARACTERS]}\n[… {amount_of(cut)} left out …]\n{text[-_KEPT_CHARACTERS:]}"


def amount_of(count: int) -> str:
    """Bytes or characters in words."""
    return f"{count / _MIB:.1f} MiB" if count >= _MIB else f"{max(1, count // 1024)} KiB"


def process_ended(cell: CellJob | None, code: int, last_words: tuple[str, ...] = ()) -> Failure:
    """The process was gone: ``code`` as ``subprocess`` has it, negative for a signal.

    ``last_words`` is the end of what it wrote to standard error, faulthandler's report say.
    """
    if code >= 0:
        message = f"The process ended itself (exit code {code}){_inside(cell)}."
        return _failure(Cause.EXIT, message, cell, exit_code=code)
    name = signal_name(-code)
    error = CellError(ename=name, evalue=last_words[0] if last_words else "", traceback=last_words)
    return _failure(Cause.SIGNAL, f"The process was ended by {name}{_inside(cell)}.", cell, error=error, signal=-code)


def drawing_died(cell: CellJob) -> Failure:
    """The process that drew one of its figures was gone before it was done."""
    return _failure(Cause.SIGNAL, f"Drawing a figure ended with a crash{_inside(cell)}.", cell)


def run_timed_out(cell: CellJob | None, seconds: float) -> Failure:
    """The run took longer than it may."""
    message = f"The run took longer than its limit of {seconds:g} s; it was{_inside(cell)}."
    return _failure(Cause.TIMEOUT, message, cell)


def cell_timed_out(cell: CellJob, seconds: float) -> Failure:
    """The cell took longer than a cell may."""
    return _failure(Cause.TIMEOUT, f"{place_of(cell)} took longer than its limit of {seconds:g} s.", cell)


def memory_exceeded(cell: CellJob | None, limit: int, peak: int) -> Failure:
    """The run held more memory than it may."""
    message = (
        f"The run held more memory than its limit of {limit // _MIB} MiB{_inside(cell)} "
        f"(it reached {peak // _MIB} MiB)."
    )
    return _failure(Cause.MEMORY, message, cell)


def too_many_processes(cell: CellJob | None, limit: int) -> Failure:
    """The run multiplied beyond what it may."""
    return _failure(Cause.SIGNAL, f"The run started more than its limit of {limit} processes{_inside(cell)}.", cell)


def kernel_fell_silent(cell: CellJob) -> Failure:
    """Its kernel told the cell's end, but not that of its outputs.

    A kernel may fall silent for good over text that is no Unicode (jupyter/notebook issue 2680).
    """
    message = (
        f"The kernel stopped telling what it puts out{_inside(cell)}: see that its text is Unicode, and run it again."
    )
    return _failure(Cause.TIMEOUT, message, cell)


def run_cancelled(cell: CellJob | None) -> Failure:
    """Somebody cancelled the run."""
    return _failure(Cause.CANCELLED, f"The run was cancelled{_inside(cell)}.", cell)


def place_of(cell: CellJob) -> str:
    """A cell as a sentence names it, at its beginning."""
    number = f"Cell {cell.index + 1}"
    return number if cell.title.lower() == number.lower() else f"{number} ({cell.title})"


def signal_name(number: int) -> str:
    """``SIGSEGV`` for 11."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _inside(cell: CellJob | None) -> str:
    return "" if cell is None else f" in c{place_of(cell)[1:]}"


def _failure(
    cause: Cause,
    message: str,
    cell: CellJob | None,
    *,
    error: CellError | None = None,
    exit_code: int | None = None,
    signal: int | None = None,
) -> Failure:
    return Failure(
        cause=cause,
        message=message,
        index=None if cell is None else cell.index,
        title=None if cell is None else cell.title,
        error=error,
        exit_code=exit_code,
        signal=signal,
    )
