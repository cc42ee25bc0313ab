"""SIGKILL of the processes of a real server, at random moments under load."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from tests.reliability.deployment import Deployment, wait_until

#: How often each is killed, of all trials; ``all`` is every process of the server at once.
VICTIMS = {"run": 30, "keeper": 20, "zygote": 20, "worker": 10, "web": 10, "serve": 5, "all": 5}
#: Servers that are tried beside each other in the long form: most of a trial is waiting.
SERVERS = 5
LONGEST_SECONDS = 1.5


def test_whatever_is_killed_accepted_runs_end_and_pages_stay(
    tmp_path: Path, trials: int, is_long: bool, tally: Counter[str]
) -> None:
    servers = SERVERS if is_long else 1
    attack = Attack(tally)
    with ThreadPoolExecutor(servers) as pool:
        shares = [range(trials)[number::servers] for number in range(servers)]
        attacks = [pool.submit(attack.go, tmp_path / str(n), 9000 + 60 * n, share) for n, share in enumerate(shares)]
        try:
            for done in as_completed(attacks):
                done.result()
        finally:
            attack.is_over.set()


class Attack:
    """Trials against several servers, until there were enough, one failed, or somebody has no more patience."""

    def __init__(self, tally: Counter[str]) -> None:
        self.is_over = threading.Event()
        self._tally = tally

    def go(self, folder: Path, port: int, trials: range) -> None:
        """These trials against one server; each is reproducible but for the machine's own timing."""
        deployed = Deployment(folder, port=port)
        try:
            with deployed.readers():
                self._try_all(deployed, trials)
            assert deployed.reads > 0
        finally:
            deployed.stop()
        assert deployed.violations() == []  # after the end, too

    def _try_all(self, deployed: Deployment, trials: range) -> None:
        for number in trials:
            if self.is_over.is_set():
                return
            chance = random.Random(number)
            victim = _victim(number, chance)
            _try(deployed, victim, chance)
            self._tally[f"{victim} killed at random"] += 1


def _victim(number: int, chance: random.Random) -> str:
    """Each kind once, the wide-reaching ones last, then by chance."""
    if number < len(VICTIMS):
        return list(VICTIMS)[number]
    return chance.choices(list(VICTIMS), weights=list(VICTIMS.values()))[0]


def _try(deployed: Deployment, victim: str, chance: random.Random) -> None:
    deployed.rerun_default()
    for _ in range(2):
        deployed.rerun(seconds=chance.uniform(0.0, 0.6))
    if victim in ("run", "keeper", "zygote"):  # they live only while there is something to do
        wait_until(lambda: deployed.find(victim) or not deployed.unfinished(), f"a {victim} to kill", seconds=60)
    time.sleep(chance.uniform(0.0, LONGEST_SECONDS if victim not in ("run", "keeper") else 0.5))
    deployed.kill(victim)
    deployed.heal()
    deployed.settle()
    assert deployed.violations() == [], f"{victim} was killed: {deployed.tail()}"


def test_the_web_process_is_replaced(deployment: Deployment, tally: Counter[str]) -> None:
    """The server goes on under its address, and as the same process."""
    server = deployment.find("serve")
    (web,) = deployment.find("web")
    url = deployment.server.url
    assert deployment.kill("web")
    wait_until(lambda: deployment.ask("/-/health")[0] == 200, "another web process")
    tally["web killed, the server stays"] += 1
    assert deployment.find("serve") == server and deployment.find("web") != [web]
    assert deployment.server.url == url and deployment.violations() == []
