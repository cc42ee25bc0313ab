"""A notebook that is published from elsewhere, as it comes in.

The body is ``multipart/form-data``: one file ``notebook``; any number of files ``data``, whose names are
their paths relative to the notebook; and a field ``options`` with a JSON object of :data:`OPTIONS`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any, cast

from flask import Request, request
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import RequestEntityTooLarge

from nbdash.errors import BusyError, EngineError, NotebookError, OptionError
from nbdash.model import Json, RerunBy, Selection
from nbdash.publisher.publication import PublishOptions
from nbdash.publisher.upload import MAX_FILES, Upload
from nbdash.store.folder import RECEIVED
from nbdash.web.inputs import PATIENCE_SECONDS, client_key, parse_json, refuse_compressed
from nbdash.web.refusal import Refusal
from nbdash.web.site import current_site

OPTIONS: Mapping[str, type] = {
    "slug": str,
    "title": str,
    "selection": Selection,
    "engine": str,
    "public": bool,
    "rerun_by": RerunBy,
}
ENGINES = ("fork", "kernel")
#: Of fields that are no files; also of the buffer through which files pass to the disk.
MEMORY_BYTES = 1024**2


class UploadRequest(Request):
    """Knows the files that its form's parser has opened, also those of a form that it has given up."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.opened: list[IO[bytes]] = []

    def _get_file_stream(self, *args: Any, **options: Any) -> IO[bytes]:
        self.opened.append(super()._get_file_stream(*args, **options))
        return self.opened[-1]


@contextmanager
def read_upload() -> Iterator[tuple[Upload, PublishOptions]]:
    """The upload and how to publish it; what is not published when the block ends is removed.

    Raises Refusal, OptionError or BusyError.
    """
    if request.mimetype != "multipart/form-data":
        raise Refusal(415, "unsupported", "Send the notebook as multipart/form-data.")
    refuse_compressed()
    try:
        files, form = _read_body()
        if len(files.getlist("data")) > MAX_FILES:
            raise _too_much()
        options = _options(form.get("options", "{}"))
        notebook = files.get("notebook")
        if notebook is None:
            raise Refusal(400, "bad_request", "No notebook was sent.", "notebook")
        into = current_site().settings.data / RECEIVED
        with Upload.begin(notebook.filename or "", notebook.read(), into) as upload:
            for each in files.getlist("data"):
                upload.add(each.filename or "", each.stream)
            yield upload, options
    except (NotebookError, EngineError) as error:
        raise Refusal(400, error.code, str(error)) from None
    finally:
        for opened in cast(UploadRequest, request).opened:
            opened.close()


def _read_body() -> tuple[MultiDict[str, FileStorage], MultiDict[str, str]]:
    """The files, on disk where they are large, and the fields."""
    site = current_site()
    with site.readers.place(client_key(), patience=PATIENCE_SECONDS) as may_read:
        if not may_read:
            raise BusyError("Too many requests are being sent at once: try again.", retry_after=5)
        request.max_content_length = site.settings.upload_mib * 1024**2
        request.max_form_parts = MAX_FILES + 100  # beyond, the rest is not even read
        request.max_form_memory_size = MEMORY_BYTES
        try:
            return request.files, request.form
        except RequestEntityTooLarge:
            raise _too_much() from None


def _too_much() -> Refusal:
    limit = current_site().settings.upload_mib
    return Refusal(413, "too_large", f"Send at most {limit} MiB in {MAX_FILES} files.")


def _options(text: str) -> PublishOptions:
    document = parse_json(text.encode("utf-8", "surrogatepass"))
    if not isinstance(document, dict) or document.keys() - OPTIONS.keys():
        raise OptionError(f"'options' must be an object with some of: {', '.join(OPTIONS)}.", field="options")
    return PublishOptions(**{name: _option(name, value) for name, value in document.items() if value is not None})


def _option(name: str, value: Json) -> Any:
    kind = OPTIONS[name]
    try:
        if kind in (str, bool):
            if not isinstance(value, kind) or (name == "engine" and value not in ENGINES):
                raise ValueError
            return value
        return kind(value)
    except ValueError:
        raise OptionError(f"The option {name!r} cannot be {str(value)[:80]!r}.", field=name) from None
