"""Words, times and numbers as the pages write them."""

from __future__ import annotations

from datetime import UTC, datetime

from nbdash.model import Cause, DashboardState, Run, RunState

#: A state's word, and its icon's name.  Colour only repeats what both say.
STATES: dict[str, tuple[str, str]] = {
    DashboardState.NEW: ("New", "circle"),
    DashboardState.FRESH: ("Fresh", "check"),
    DashboardState.STALE: ("Stale", "clock"),
    DashboardState.RUNNING: ("Running", "spinner"),
    DashboardState.FAILED: ("Failed", "alert"),
    RunState.QUEUED: ("Queued", "clock"),
    RunState.SUCCEEDED: ("Succeeded", "check"),
    RunState.CANCELLED: ("Cancelled", "slash"),
    RunState.LOST: ("Lost", "alert"),
}

_CAUSES = {
    Cause.ERROR: "an error",
    Cause.EXIT: "its process ended early",
    Cause.SIGNAL: "its process crashed",
    Cause.TIMEOUT: "it took too long",
    Cause.MEMORY: "it needed too much memory",
    Cause.CANCELLED: "it was cancelled",
    Cause.ENGINE: "it could not be started",
    Cause.LOST: "its worker was lost",
}


def iso_time(moment: datetime) -> str:
    """For machines: ISO 8601 with zone."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def exact_time(moment: datetime) -> str:
    """For a tooltip: to the second, with zone."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def short_time(moment: datetime) -> str:
    """For reading, and still unambiguous where no script makes it local."""
    moment = moment.astimezone(UTC)
    return f"{moment.day} {moment:%b %Y, %H:%M} UTC"


def duration(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``2 min 5 s``, ``1 h 3 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def run_seconds(run: Run) -> float | None:
    """How long a finished run took."""
    if run.started_at is None or run.finished_at is None:
        return None
    return (run.finished_at - run.started_at).total_seconds()


def failure_reason(run: Run) -> str:
    """Why a run failed, in words fit for a viewer: never the message, which may hold anything."""
    error = run.error
    if error is None:
        return "it was cancelled" if run.state is RunState.CANCELLED else "its worker was lost"
    return error.ename or _CAUSES[error.cause] if error.cause is Cause.ERROR else _CAUSES[error.cause]
