"""The error tree: every error a person can meet is one sentence (what, where, what to do).

::

    NbdashError                  exit 2   bad input or usage
    ├── NotebookError                     a file that is not a notebook nbdash can read
    ├── ParameterError                    a value for a parameter that does not fit (names the field)
    ├── OptionError                       a setting, tag or option that does not fit (names the field)
    ├── NotFoundError                     no dashboard, run, figure or version of that name
    ├── ConflictError                     the name is taken, or the state does not allow this
    ├── BusyError                         too much is asked for at once; try again later
    ├── RunFailedError           exit 1   the notebook itself failed
    ├── EngineError                       no interpreter or kernel could be started for it
    ├── StoreError                        the data directory cannot be used
    └── ServerError              exit 3   the server refused
        └── ServerUnreachableError  exit 4

A cell that fails is data (:class:`nbdash.model.Failure`), not an exception.
"""

from __future__ import annotations


class NbdashError(Exception):
    """The base: ``str(error)`` is the sentence a person reads.

    ``code`` names the kind for machines (the JSON API); ``field`` the input it is about, if one.
    """

    code = "bad_input"
    exit_status = 2

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class NotebookError(NbdashError):
    """A file that is not a notebook nbdash can read."""

    code = "bad_notebook"


class ParameterError(NbdashError):
    """A parameter's name or value does not fit."""

    code = "bad_parameter"


class OptionError(NbdashError):
    """A setting, tag or option does not fit."""

    code = "bad_option"


class NotFoundError(NbdashError):
    """No dashboard, run, figure or version of that name."""

    code = "not_found"


class ConflictError(NbdashError):
    """The name is taken, or the present state does not allow this."""

    code = "conflict"


class BusyError(NbdashError):
    """Too much is asked for at once; ``retry_after`` says in how many seconds to try again."""

    code = "busy"

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RunFailedError(NbdashError):
    """The notebook itself failed."""

    code = "run_failed"
    exit_status = 1


class EngineError(NbdashError):
    """No interpreter or kernel could be started for a notebook."""

    code = "no_engine"


class StoreError(NbdashError):
    """The data directory cannot be used."""

    code = "store"


class ServerError(NbdashError):
    """The server refused, or answered with something that is not nbdash's."""

    code = "server"
    exit_status = 3


class ServerUnreachableError(ServerError):
    """No server answered."""

    code = "unreachable"
    exit_status = 4
