"""Numbers for machines, in Prometheus's text format."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping

from nbdash.model import RunState

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class RequestCounter:
    """Answers given, by endpoint and status."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, int]] = Counter()
        self._lock = threading.Lock()

    def count(self, endpoint: str | None, status: int) -> None:
        """One more answer; an address that does not exist has no endpoint."""
        with self._lock:
            self._counts[endpoint or "none", status] += 1

    def counts(self) -> dict[tuple[str, int], int]:
        """All counts so far."""
        with self._lock:
            return dict(self._counts)


def exposition(requests: Mapping[tuple[str, int], int], runs: Mapping[RunState, int], long_polls: int) -> str:
    """The text that Prometheus reads. No label comes from outside: endpoints and states are ours."""
    lines = [
        *_family("nbdash_requests_total", "counter", "Answers given by this process."),
        *(
            f'nbdash_requests_total{{endpoint="{endpoint}",status="{status}"}} {count}'
            for (endpoint, status), count in sorted(requests.items())
        ),
        *_family("nbdash_runs", "gauge", "Kept runs by state; queued is the length of the queue."),
        *(f'nbdash_runs{{state="{state}"}} {count}' for state, count in sorted(runs.items())),
        *_family("nbdash_long_polls", "gauge", "Requests that wait for events in this process."),
        f"nbdash_long_polls {long_polls}",
    ]
    return "\n".join(lines) + "\n"


def _family(name: str, kind: str, text: str) -> Iterable[str]:
    return (f"# HELP {name} {text}", f"# TYPE {name} {kind}")
