"""Which Python a notebook runs in, and whether that Python can host a zygote."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel

from nbdash.errors import EngineError
from nbdash.model import Job

_PROBE_SECONDS = 30
_PROBE = """
import json, sys
try:
    from importlib.metadata import version
    ipython = version("ipython")
except Exception:
    ipython = ""
print(json.dumps([list(sys.version_info[:2]), ipython]))
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class PythonFacts:
    """What an interpreter said about itself."""

    version: tuple[int, int]
    ipython: int | None  #: IPython's major version; None where it is not installed

    @property
    def can_fork(self) -> bool:
        """Whether it can host a zygote; if not, the notebook runs in a kernel."""
        return self.version >= (3, 10) and self.ipython is not None and self.ipython >= 8


def find_python(python: str | None = None, kernel_name: str | None = None) -> str:
    """Where Python cells run: in ``python``, else the kernelspec's, the active environment's, our own.

    A kernelspec whose command is a bare ``python`` names none: it means the Python that runs Jupyter.
    Raises EngineError if the one that is asked for is not there.
    """
    if python is not None:
        return _checked(python)
    return _from_kernelspec(kernel_name) or _from_environment(os.environ) or sys.executable


def python_facts(python: str) -> PythonFacts:
    """Ask an interpreter for its version and IPython's; raises EngineError if it does not answer."""
    return _probe(python, os.stat(python).st_mtime_ns)


def kernelspec_for(job: Job) -> KernelSpec:
    """The kernel of a job; for Python one made on the fly around :func:`find_python`, if none is installed.

    Raises EngineError if no kernel for the job's language is installed.
    """
    if job.language.lower() == "python":
        return _python_kernelspec(job)
    spec = _installed(job.kernel_name) or _installed(_kernel_for_language(job.language))
    if spec is None:
        names = ", ".join(sorted(KernelSpecManager().find_kernel_specs())) or "none"
        raise EngineError(
            f"No Jupyter kernel {job.kernel_name or job.language!r} is installed (there are: {names}): "
            "install it, or choose another kernel in Jupyter and save the notebook."
        )
    return spec


def _python_kernelspec(job: Job) -> KernelSpec:
    python = find_python(job.python, job.kernel_name)
    spec = _installed(job.kernel_name)
    if spec is not None and spec.argv[0] == python:
        return spec
    command = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    return KernelSpec(argv=command, display_name="Python", language="python")


def _kernel_for_language(language: str) -> str | None:
    specs = KernelSpecManager().get_all_specs()
    return next((n for n, s in specs.items() if s["spec"]["language"].lower() == language.lower()), None)


def _installed(name: str | None) -> KernelSpec | None:
    try:
        return KernelSpecManager().get_kernel_spec(name) if name else None
    except NoSuchKernel:
        return None


def _checked(python: str) -> str:
    found = shutil.which(Path(python).expanduser())
    if found is None:
        raise EngineError(f"Python {python!r} is not an executable file: give the path of an interpreter.")
    return str(Path(found).absolute())


def _from_kernelspec(name: str | None) -> str | None:
    spec = _installed(name)
    if spec is None or spec.language.lower() != "python" or not os.path.isabs(spec.argv[0]):
        return None
    if not os.access(spec.argv[0], os.X_OK):
        raise EngineError(
            f"Kernel {name!r} names the interpreter {spec.argv[0]!r}, which is not there: "
            "install the kernel again, or give an interpreter with --python."
        )
    return str(spec.argv[0])


def _from_environment(environment: Mapping[str, str]) -> str | None:
    """The active environment's Python, if it has the IPython that a notebook needs."""
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        if prefix := environment.get(variable):
            python = _python_in(Path(prefix))
            if python is not None and python_facts(python).ipython is not None:
                return python
    return None


def _python_in(prefix: Path) -> str | None:
    candidates = (prefix / "bin" / "python", prefix / "Scripts" / "python.exe", prefix / "python.exe")
    return next((str(path) for path in candidates if os.access(path, os.X_OK)), None)


@lru_cache(maxsize=32)
def _probe(python: str, changed: int) -> PythonFacts:
    """``changed`` makes an upgraded interpreter a new one. Started beside itself: no stray module shadows."""
    try:
        done = subprocess.run(
            [python, "-c", _PROBE],
            cwd=Path(python).parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_SECONDS,
            check=True,
        )
        version, ipython = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise EngineError(f"Python {python!r} cannot be started: {error}") from None
    major = ipython.partition(".")[0]
    return PythonFacts(version=(version[0], version[1]), ipython=int(major) if major.isdigit() else None)
