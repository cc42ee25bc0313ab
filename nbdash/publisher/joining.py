"""Equal work at the same time is done once, and not again until something has changed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

Result = TypeVar("Result")


class Joining(Generic[Result]):
    """Work by key: whoever comes while it is under way waits for its result. Nothing is remembered."""

    def __init__(self) -> None:
        self._under_way: dict[Hashable, Future[Result]] = {}
        self._lock = threading.Lock()

    def do(self, key: Hashable, work: Callable[[], Result]) -> Result:
        """What ``work`` returns, or raises; equal keys must mean equal results."""
        with self._lock:
            joined = self._under_way.get(key)
            if joined is None:
                mine = self._under_way[key] = Future[Result]()
        if joined is not None:
            return joined.result()
        try:
            result = work()
        except BaseException as error:
            mine.set_exception(error)
            raise
        else:
            mine.set_result(result)
            return result
        finally:
            with self._lock:
                del self._under_way[key]


class UntilChanged(Generic[Result]):
    """Results of work on what is kept, remembered until that changes; together they weigh at most ``size``.

    Each weighs one, unless ``weigh`` says otherwise.
    """

    def __init__(
        self, state: Callable[[], Hashable], size: int, *, weigh: Callable[[Result], int] = lambda _: 1
    ) -> None:
        self._state = state
        self._size = size
        self._weigh = weigh
        self._weight = 0
        self._joining: Joining[Result] = Joining()
        self._results: dict[Hashable, Result] = {}
        self._seen: Hashable = None
        self._lock = threading.Lock()

    def do(self, key: Hashable, work: Callable[[], Result]) -> Result:
        """What ``work`` returns, or returned since the last change."""
        state = self._state()  # before the work: what changes meanwhile has another state
        with self._lock:
            if state != self._seen:
                self._seen = state
                self._forget()
            if key in self._results:
                return self._results[key]
        result = self._joining.do((state, key), work)
        with self._lock:
            if state == self._seen and key not in self._results:
                self._remember(key, result)
        return result

    def _remember(self, key: Hashable, result: Result) -> None:
        weight = self._weigh(result)
        if weight > self._size:
            return
        if self._weight + weight > self._size:
            self._forget()
        self._results[key] = result
        self._weight += weight

    def _forget(self) -> None:
        self._results.clear()
        self._weight = 0
