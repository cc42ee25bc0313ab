"""``python -m benchmarks.fingerprints FOLDER``: fingerprint and draw Matplotlib's gallery twice, and compare."""

from __future__ import annotations

import argparse
import collections
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.fidelity.sources import UNFIT


def main() -> None:
    """Execute every script twice; print how many figures have a fingerprint, and what equal ones look like."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="the unpacked source distribution of Matplotlib, or a part of it")
    parser.add_argument("--every", type=int, default=1, help="only every n-th script")
    parser.add_argument("--first", type=int, default=0, help="the place of the first of those")
    arguments = parser.parse_args()
    scripts = [path for path in sorted(arguments.folder.rglob("galleries/**/*.py")) if _is_fit(path)]
    scripts = scripts[arguments.first :: arguments.every]
    first, second = (_execute(scripts, hash_seed) for hash_seed in (1, 2))
    _report(first, second)


def _is_fit(path: Path) -> bool:
    """Whether it draws, and needs neither network nor person."""
    text = path.read_text(encoding="utf-8", errors="replace")
    return "plt." in text and UNFIT.search(text) is None


def _execute(scripts: Iterable[Path], hash_seed: int) -> dict[tuple[str, int], dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder, "results")
        results.touch()
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks.fingerprints.draw", str(results)]
        environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed), "MPLBACKEND": "agg"}
        subprocess.run([*command, *map(str, scripts)], env=environment, check=True, stderr=subprocess.DEVNULL)
        lines = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
    return {(line["script"], line["figure"]): line for line in lines if "figure" in line}


def _report(first: dict[tuple[str, int], dict[str, Any]], second: dict[tuple[str, int], dict[str, Any]]) -> None:
    known = {key: line for key, line in first.items() if line["fingerprint"]}
    pictures: dict[str, set[str]] = {}
    for line in (*first.values(), *second.values()):
        if line["fingerprint"]:
            pictures.setdefault(line["fingerprint"], set()).add(line["picture"])
    same = {key for key in known if key in second and second[key]["picture"] == known[key]["picture"]}
    equal = {key for key in known if key in second and second[key]["fingerprint"] == known[key]["fingerprint"]}
    print(f"{len(first)} figures, {len(known)} with a fingerprint")
    print(f"{len(same)} of these are the same picture in both processes, {len(equal & same)} have the same fingerprint")
    print(f"{sum(len(each) > 1 for each in pictures.values())} fingerprints of more than one picture")
    for name in ("seconds", "draw_seconds"):
        values = sorted(line[name] for line in known.values())
        print(f"{name}: median {statistics.median(values):.4f}, p90 {values[len(values) * 9 // 10]:.4f}")
    for why, count in collections.Counter(line["why"] for line in first.values() if line["why"]).most_common():
        print(f"{count} x {why:.200}")


if __name__ == "__main__":
    main()
