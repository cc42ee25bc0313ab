"""Equal work is done once while it is under way, and remembered until something changes."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from nbdash.publisher.joining import Joining, UntilChanged


def test_whoever_comes_meanwhile_gets_the_same_result() -> None:
    joining: Joining[object] = Joining()
    began, gate, calls = threading.Event(), threading.Event(), []

    def work() -> object:
        calls.append(1)
        began.set()
        assert gate.wait(10)
        return object()

    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(joining.do, "page", work)
        assert began.wait(10)
        others = [pool.submit(joining.do, "page", work) for _ in range(5)]
        assert joining.do("another", lambda: 7) == 7, "other work does not wait"
        while len(pool._threads) < 6:
            pass
        gate.set()
        results = {id(each.result(10)) for each in (first, *others)}
    assert len(results) <= len(calls) <= 6
    assert joining.do("page", lambda: 8) == 8, "nothing is remembered"


def test_an_error_is_everybodys_and_then_forgotten() -> None:
    joining: Joining[int] = Joining()

    def fail() -> int:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        joining.do("page", fail)
    assert joining.do("page", lambda: 1) == 1


def test_a_result_is_remembered_until_the_state_changes() -> None:
    state, calls = [0], []
    remembered: UntilChanged[int] = UntilChanged(lambda: state[0], size=2)

    def work() -> int:
        calls.append(state[0])
        return len(calls)

    assert [remembered.do("a", work) for _ in range(3)] == [1, 1, 1]
    state[0] += 1
    assert [remembered.do("a", work) for _ in range(2)] == [2, 2]
    for key in ("b", "c", "d"):  # no more than two are held
        remembered.do(key, work)
    assert remembered.do("a", work) == 6


def test_results_are_held_by_their_weight() -> None:
    remembered: UntilChanged[str] = UntilChanged(lambda: 0, size=5, weigh=len)
    calls: list[str] = []

    def work(result: str) -> str:
        calls.append(result)
        return result

    for result in ("aaa", "bb", "aaa", "bb"):
        assert remembered.do(result, lambda result=result: work(result)) == result
    assert calls == ["aaa", "bb"], "both fit"
    for result in ("heavier", "aaa", "heavier"):
        assert remembered.do(result, lambda result=result: work(result)) == result
    assert calls == ["aaa", "bb", "heavier", "heavier"], "what does not fit alone takes nobody's place"
    remembered.do("c", lambda: work("c"))
    remembered.do("bb", lambda: work("bb"))
    assert calls == ["aaa", "bb", "heavier", "heavier", "c", "bb"], "one more, and all begin anew"


def test_what_changes_during_the_work_is_not_remembered_as_later() -> None:
    state = [0]
    remembered: UntilChanged[str] = UntilChanged(lambda: state[0], size=2)

    def work() -> str:
        state[0] += 1  # somebody writes while this is read
        return "old"

    assert remembered.do("a", work) == "old"
    assert remembered.do("a", lambda: "new") == "new"
