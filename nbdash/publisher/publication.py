"""What authors and viewers do to dashboards: publish, rerun, cancel, roll back, remove."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import re
import secrets
import shutil
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from nbdash.config import Settings
from nbdash.engine.interpreters import find_python
from nbdash.errors import BusyError, ConflictError, NotFoundError, OptionError, StoreError
from nbdash.model import Dashboard, Json, Notebook, Plan, RerunBy, Run, Selection, Version
from nbdash.notebook.parameters import canonical_key, inject_parameters
from nbdash.notebook.plan import make_plan
from nbdash.notebook.reader import content_digest, parse_notebook, read_notebook, strip_outputs
from nbdash.notebook.values import resolve_values
from nbdash.publisher.limits import held_to
from nbdash.publisher.upload import Upload
from nbdash.store import Store
from nbdash.store.folder import RECEIVED

SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
MAX_TITLE = 200
#: More than a page of the index lists.
NOTEBOOKS_HELD = 256
#: Each set of parameters has its own.
PLANS_HELD = 32
#: A blob or a folder without a row is younger than this while its row is being written.
GRACE_SECONDS = 3600.0
#: Less than this is not room for one more result.
FREE_BYTES = 128 * 1024**2
#: The origin of runs that a saved file has asked for.
WATCH = "watch"


@dataclass(frozen=True, kw_only=True)
class PublishOptions:
    """How a notebook is to be published; None means: as it was, else the default."""

    slug: str | None = None
    #: An empty one gives the notebook's own title back.
    title: str | None = None
    selection: Selection | None = None
    engine: str | None = None
    #: The interpreter to run in; None: the one that :func:`find_python` finds for whoever publishes.
    python: str | None = None
    #: Whoever reaches the server may look.
    public: bool | None = None
    rerun_by: RerunBy | None = None
    #: Listed before its first run has succeeded (a served folder), rather than after it.
    listed: bool = False
    origin: str = "publish"


@dataclass(frozen=True, kw_only=True)
class Publication:
    """What publishing did. ``run`` is None when nothing had changed."""

    dashboard: Dashboard
    version: Version
    plan: Plan
    run: Run | None


class Publisher:
    """The acts that change what is kept. Thread-safe, like the store it stands on."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        self.settings = settings
        # A version never changes, and every view of a dashboard asks for its notebook.
        self._notebook_of = lru_cache(maxsize=NOTEBOOKS_HELD)(self._read_notebook)
        self._plan_of = lru_cache(maxsize=PLANS_HELD)(self._make_plan)

    def publish(self, path: Path, options: PublishOptions | None = None) -> Publication:
        """Keep the notebook as a version and queue its first run; viewers see it once that succeeds.

        Raises NotebookError, OptionError (slug), EngineError (no interpreter for it), ConflictError
        (a slug that another notebook has), or StoreError (no room).
        """
        options = options or PublishOptions()
        path = path.resolve()
        notebook = held_to(self.settings, read_notebook(path))
        self.make_room()
        dashboard = self._dashboard_for(_Source(name=path.stem, path=str(path)), notebook, options)
        return self._publish(dashboard, notebook, options)

    def receive(self, upload: Upload, owner: str, options: PublishOptions | None = None) -> Publication:
        """Publish what ``owner`` has sent from elsewhere; its cells run in a folder of their own.

        A notebook without a slug gets a new dashboard: only its sender knows whether it had one.
        Raises as :meth:`publish` does.
        """
        options = options or PublishOptions()
        notebook = held_to(self.settings, parse_notebook(upload.notebook, upload.name))
        self.make_room()
        source = _Source(name=Path(upload.name).stem, path=f"{upload.name} (sent, {secrets.token_hex(4)})", owner=owner)
        dashboard = self._dashboard_for(source, notebook, options)
        folder = upload.settle(self.settings.data / RECEIVED / str(dashboard.id))
        return self._publish(dashboard, notebook, options, folder)

    def _publish(
        self, dashboard: Dashboard, notebook: Notebook, options: PublishOptions, folder: Path | None = None
    ) -> Publication:
        terms = _agree(options, notebook, self.store.newest_version(dashboard.id))
        notebook = replace(notebook, title=terms.title)
        plan = make_plan(notebook, terms.selection)
        self.store.set_access(dashboard.id, public=options.public, rerun_by=options.rerun_by)
        version = self._version_for(dashboard, notebook, terms, folder)
        if self._is_done(dashboard, version, options):
            return Publication(dashboard=dashboard, version=version, plan=plan, run=None)
        run, _ = self.store.submit_run(
            dashboard.id, version.id, parameters={}, parameters_key="", origin=options.origin
        )
        return Publication(dashboard=dashboard, version=version, plan=plan, run=run)

    def submit(self, slug: str, given: Mapping[str, Json] | None = None, *, origin: str = "rerun") -> Run:
        """Rerun: join the equal run under way or queue one.

        Raises NotFoundError, ParameterError (with its field) or BusyError.
        """
        dashboard = self.store.dashboard(slug)
        version = self.version_shown(dashboard)
        parameters = resolve_values(self.notebook_of(version), given or {})
        key = canonical_key(parameters)
        active = self.store.active_runs(dashboard.id)
        if not any(run.version_id == version.id and run.parameters_key == key for run in active):
            self._check_rate(dashboard)
            self._check_queue()
        run, _ = self.store.submit_run(
            dashboard.id, version.id, parameters=parameters, parameters_key=key, origin=origin
        )
        return run

    def make_room(self) -> None:
        """See that there is room for one more result. Raises StoreError."""
        data, most = self.settings.data, self.settings.stored_mib
        if self.store.stored_bytes() >= most * 1024**2:
            self.store.collect_blobs(GRACE_SECONDS)
            if self.store.stored_bytes() >= most * 1024**2:
                raise StoreError(
                    f"The data directory '{data}' holds its limit of {most} MiB: "
                    "remove dashboards, lower 'keep', or raise 'stored_mib'."
                )
        if shutil.disk_usage(data).free < FREE_BYTES:
            raise StoreError(f"The disk of '{data}' is full: free at least {FREE_BYTES // 1024**2} MiB on it.")

    def cancel(self, run_id: str) -> Run:
        """Ask a run to stop; a queued one stops at once. Raises NotFoundError."""
        return self.store.request_cancel(run_id)

    def rollback(self, slug: str) -> Version:
        """Show the version before the one shown now. Raises ConflictError if there is none that ran."""
        dashboard = self.store.dashboard(slug)
        shown = self.version_shown(dashboard)
        succeeded = self.store.succeeded_versions(dashboard.id)
        for version in self.store.versions(dashboard.id):
            if version.number < shown.number and version.id in succeeded:
                self.store.set_current_version(dashboard.id, version.id)
                return version
        raise ConflictError(
            f"Dashboard {slug!r} has no earlier version with a kept run: there is nothing to go back to."
        )

    def remove(self, slug: str) -> None:
        """Forget a dashboard with its versions and runs. Raises NotFoundError."""
        dashboard = self.store.dashboard(slug)
        for run in self.store.active_runs(dashboard.id):
            self.store.request_cancel(run.id)
        self.store.remove_dashboard(dashboard.id)

    def version_shown(self, dashboard: Dashboard) -> Version:
        """The version that viewers see, or the newest one while none has succeeded."""
        if dashboard.version_id is not None:
            return self.store.version(dashboard.version_id)
        newest = self.store.newest_version(dashboard.id)
        if newest is None:
            raise NotFoundError(f"Dashboard {dashboard.slug!r} has no version: publish its notebook again.")
        return newest

    def notebook_of(self, version: Version) -> Notebook:
        """A version's notebook, as it was published."""
        return self._notebook_of(version)

    def plan_of(self, version: Version, parameters: Mapping[str, Json]) -> Plan:
        """What a run of a version with these parameters does."""
        return self._plan_of(version, json.dumps(parameters))

    def may_resume(self, run: Run) -> bool:
        """Whether it is to show other parameters, rather than newer data: nobody sees results with these as yet."""
        if not run.parameters_key:
            return False
        shown = self.store.current_run(run.dashboard_id, run.parameters_key)
        return shown is None or shown.version_id != run.version_id

    def _make_plan(self, version: Version, parameters: str) -> Plan:
        notebook = inject_parameters(self.notebook_of(version), json.loads(parameters))
        return make_plan(notebook, version.selection)

    def _read_notebook(self, version: Version) -> Notebook:
        blob = self.store.read_blob(version.notebook_digest)
        notebook = parse_notebook(blob, f"{version.title}.ipynb")
        return replace(held_to(self.settings, notebook), title=version.title)

    def _dashboard_for(self, source: _Source, notebook: Notebook, options: PublishOptions) -> Dashboard:
        """The notebook's dashboard, or a new one under the given name, else one made from the file's."""
        if options.slug is None:
            return self.store.dashboard_of(
                slugs_from(source.name),
                title=notebook.title,
                source_path=source.path,
                listed=options.listed,
                owner=source.owner,
            )
        slug = checked_slug(options.slug)
        found = self.store.find_dashboard(slug)
        if found is None:
            with contextlib.suppress(ConflictError):
                return self.store.create_dashboard(
                    slug,
                    title=notebook.title,
                    source_path=source.path,
                    listed=options.listed,
                    owner=source.owner,
                )
            found = self.store.dashboard(slug)  # somebody else was faster
        if found.owner != source.owner:
            raise ConflictError(f"The name {slug!r} belongs to somebody else's dashboard: choose another with --slug.")
        if found.source_path != source.path and Path(found.source_path).exists():
            raise ConflictError(
                f"The name {slug!r} belongs to the dashboard of {found.source_path}: "
                "choose another with --slug, or remove that one first."
            )
        return found

    def _version_for(self, dashboard: Dashboard, notebook: Notebook, terms: _Terms, folder: Path | None) -> Version:
        document = strip_outputs(notebook.document)
        blob = self.store.put_blob(json.dumps(document, sort_keys=True).encode())
        settings = [terms.title, terms.selection, terms.engine, terms.python, *([folder.name] if folder else [])]
        digest = hashlib.sha256(json.dumps([content_digest(notebook), *settings]).encode()).hexdigest()
        return self.store.add_version(
            dashboard.id,
            digest=digest,
            title=terms.title,
            titled=terms.titled,
            notebook_digest=blob,
            selection=terms.selection,
            engine=terms.engine,
            python=terms.python,
            folder=folder.relative_to(self.settings.data).as_posix() if folder else None,
        )

    def _is_done(self, dashboard: Dashboard, version: Version, options: PublishOptions) -> bool:
        """Whether nothing is to be run: viewers see this version, or only a folder is looked through again.

        A watched file that has not changed does not take back the author's rollback.
        """
        if options.origin != WATCH and dashboard.version_id != version.id:
            return False
        return version.id in self.store.succeeded_versions(dashboard.id)

    def _check_rate(self, dashboard: Dashboard) -> None:
        limit = self.settings.reruns_per_minute
        now = datetime.now(UTC)
        since = now - timedelta(minutes=1)
        recent = [run for run in self.store.runs(dashboard.id, limit=limit) if since < run.queued_at <= now]
        if len(recent) >= limit:
            raise BusyError(
                f"{dashboard.title!r} was rerun {limit} times in the last minute: try again in a minute.",
                retry_after=60,
            )

    def _check_queue(self) -> None:
        if self.store.queue_length() >= self.settings.queue:
            raise BusyError(f"{self.settings.queue} runs are waiting already: try again in a minute.", retry_after=60)


@dataclass(frozen=True, kw_only=True)
class _Source:
    """Where a notebook comes from."""

    name: str  #: the file's, without suffix
    path: str  #: what a dashboard is known by: a local path, or a text that is none
    owner: str = ""


@dataclass(frozen=True, kw_only=True)
class _Terms:
    """What a version is made with, all settled."""

    title: str
    titled: bool
    selection: Selection
    engine: str | None
    python: str | None


def _agree(options: PublishOptions, notebook: Notebook, last: Version | None) -> _Terms:
    """The options, where they say nothing the last version's, else the defaults."""
    given = last.title if options.title is None and last and last.titled else clean_title(options.title or "")
    return _Terms(
        title=given or notebook.title,
        titled=bool(given),
        selection=options.selection or (last.selection if last else Selection.NEEDED),
        engine=options.engine or (last.engine if last else None),
        python=_interpreter(options, notebook, last),
    )


def _interpreter(options: PublishOptions, notebook: Notebook, last: Version | None) -> str | None:
    """The Python that runs the cells, settled here: the server may have been started elsewhere.

    A saved file says nothing about where it is to run, so it goes on where it did. None for another language.
    """
    if notebook.language != "python":
        return None
    if options.origin == WATCH and last is not None and last.python and shutil.which(last.python):
        return last.python
    return find_python(options.python, notebook.kernel_name)


def slug_from(text: str) -> str:
    """A slug made from free text: ASCII, lower case, hyphens; ``notebook`` if nothing is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:64].strip("-") or "notebook"


def slugs_from(text: str) -> Iterator[str]:
    """Slugs made from free text, each a little longer than the one before, without end."""
    base = slug_from(text)
    yield base
    yield from (f"{base[:56]}-{n}" for n in itertools.count(2))


def checked_slug(slug: str) -> str:
    """``slug`` itself, if it is one. Raises OptionError with what a slug looks like."""
    if not SLUG.fullmatch(slug):
        raise OptionError(
            f"{slug[:80]!r} is no name for a dashboard: use 1 to 64 of a-z, 0-9 and hyphens, "
            f"such as {slug_from(slug)!r}.",
            field="slug",
        )
    return slug


def clean_title(title: str) -> str:
    """A display title: NFC, one line, without control and bidi characters, at most 200 characters."""
    kept = "".join(
        character if unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn") else " "
        for character in unicodedata.normalize("NFC", title)
    )
    return " ".join(kept.split())[:MAX_TITLE]
