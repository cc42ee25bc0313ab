"""Dashboards and their versions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Text, cast, delete, insert, or_, select, update

from nbdash.errors import ConflictError, NotFoundError
from nbdash.model import Audience, Dashboard, RerunBy, RunState, Selection, Version
from nbdash.store.base import StorePart
from nbdash.store.pointers import bump_revision, change_version
from nbdash.store.records import dashboard_from_row, version_from_row
from nbdash.store.tables import dashboards, grants, runs, versions


class Dashboards(StorePart):
    """The methods about dashboards."""

    def find_dashboard(self, slug: str) -> Dashboard | None:
        """The dashboard with this slug, listed or not."""
        row = self._first(select(dashboards).where(dashboards.c.slug == slug))
        return dashboard_from_row(row) if row else None

    def dashboard(self, slug: str) -> Dashboard:
        """The dashboard with this slug; raises NotFoundError."""
        found = self.find_dashboard(slug)
        if found is None:
            raise NotFoundError(f"There is no dashboard {slug!r}: `nbdash list` shows those there are.")
        return found

    def dashboard_by_id(self, dashboard_id: int) -> Dashboard:
        """The dashboard with this id; raises NotFoundError."""
        row = self._first(select(dashboards).where(dashboards.c.id == dashboard_id))
        if row is None:
            raise NotFoundError("This dashboard has been removed.")
        return dashboard_from_row(row)

    def list_dashboards(
        self,
        *,
        after: str | None = None,
        limit: int = 100,
        include_unlisted: bool = False,
        audience: Audience | None = None,
    ) -> list[Dashboard]:
        """Dashboards by slug, from the one behind ``after``.

        All that are listed, or of them those that ``audience`` sees.
        """
        query = select(dashboards).order_by(dashboards.c.slug).limit(limit)
        if not include_unlisted:
            query = query.where(dashboards.c.listed.is_(True))
        if audience is not None:
            query = query.where(
                or_(
                    dashboards.c.public.is_(True),
                    dashboards.c.id.in_(audience.shared),
                    dashboards.c.owner == audience.owner,
                    dashboards.c.id.in_(select(grants.c.dashboard_id).where(grants.c.group_name.in_(audience.groups))),
                )
            )
        if after is not None:
            query = query.where(dashboards.c.slug > after)
        return [dashboard_from_row(row) for row in self._all(query)]

    def create_dashboard(self, slug: str, *, title: str, source_path: str, listed: bool, owner: str = "") -> Dashboard:
        """A new dashboard without a version; raises ConflictError if the slug is taken."""
        values = self._new(slug, title=title, source_path=source_path, listed=listed, owner=owner)
        with self._database.write() as connection:
            if _is_taken(connection, slug):
                raise ConflictError(f"There is a dashboard {slug!r} already: choose another name with --slug.")
            return _insert(connection, values)

    def dashboard_of(
        self, slugs: Iterable[str], *, title: str, source_path: str, listed: bool, owner: str = ""
    ) -> Dashboard:
        """The owner's dashboard that was made from this notebook, else a new one under the first free of ``slugs``.

        However many ask at once for the same notebook, they get the same one.
        """
        same = select(dashboards).where(
            cast(dashboards.c.source_path, Text) == json.dumps(source_path), dashboards.c.owner == owner
        )
        with self._database.write() as connection:
            found = connection.execute(same.order_by(dashboards.c.id).limit(1)).mappings().first()
            if found is not None:
                return dashboard_from_row(found)
            slug = next(slug for slug in slugs if not _is_taken(connection, slug))
            values = self._new(slug, title=title, source_path=source_path, listed=listed, owner=owner)
            return _insert(connection, values)

    def _new(self, slug: str, *, title: str, source_path: str, listed: bool, owner: str) -> dict[str, Any]:
        return {
            "slug": slug,
            "title": title,
            "source_path": source_path,
            "listed": listed,
            "revision": 1,
            "public": False,
            "rerun_by": RerunBy.VIEWERS,
            "owner": owner,
            "created_at": self._now(),
        }

    def list_dashboard(self, dashboard_id: int) -> None:
        """Shows the dashboard in the index from now on."""
        with self._database.write() as connection:
            connection.execute(update(dashboards).where(dashboards.c.id == dashboard_id).values(listed=True))

    def remove_dashboard(self, dashboard_id: int) -> None:
        """Removes the dashboard with its versions and runs; a worker that still runs one is fenced off."""
        with self._database.write() as connection:
            connection.execute(delete(dashboards).where(dashboards.c.id == dashboard_id))

    def set_current_version(self, dashboard_id: int, version_id: int) -> None:
        """Makes a version, older or newer, the one that viewers see, with its last good run if it has one.

        Runs that are under way no longer bring their own version to the front; later publishes do.
        Raises NotFoundError.
        """
        with self._database.write() as connection:
            owner = connection.scalar(select(versions.c.dashboard_id).where(versions.c.id == version_id))
            if owner != dashboard_id:
                raise NotFoundError("This dashboard has no such version.")
            connection.execute(
                update(runs)
                .where(
                    runs.c.dashboard_id == dashboard_id,
                    runs.c.state.in_([RunState.QUEUED, RunState.RUNNING]),
                )
                .values(promotes=False)
            )
            change_version(connection, dashboard_id, version_id)
            bump_revision(connection, dashboard_id)


def _is_taken(connection: Connection, slug: str) -> bool:
    return connection.scalar(select(dashboards.c.id).where(dashboards.c.slug == slug)) is not None


def _insert(connection: Connection, values: Mapping[str, Any]) -> Dashboard:
    row = connection.execute(insert(dashboards).values(values).returning(dashboards)).mappings().one()
    return dashboard_from_row(row)


class Versions(StorePart):
    """The methods about versions."""

    def add_version(  # noqa: PLR0913 - a version is what it says
        self,
        dashboard_id: int,
        *,
        digest: str,
        title: str,
        titled: bool = False,
        notebook_digest: str,
        selection: Selection,
        engine: str | None = None,
        python: str | None = None,
        folder: str | None = None,
    ) -> Version:
        """The dashboard's newest version if it has this digest, else a new one; raises NotFoundError."""
        newest = select(versions).where(versions.c.dashboard_id == dashboard_id)
        newest = newest.order_by(versions.c.number.desc()).limit(1)
        values = {
            "dashboard_id": dashboard_id,
            "digest": digest,
            "title": title,
            "titled": titled,
            "notebook_digest": notebook_digest,
            "selection": selection,
            "engine": engine,
            "python": python,
            "folder": folder,
            "created_at": self._now(),
        }
        with self._database.write() as connection:
            if connection.scalar(select(dashboards.c.id).where(dashboards.c.id == dashboard_id)) is None:
                raise NotFoundError("This dashboard has been removed.")
            last = connection.execute(newest).mappings().first()
            if last is not None and last["digest"] == digest:
                return version_from_row(last)
            values["number"] = last["number"] + 1 if last else 1
            row = connection.execute(insert(versions).values(values).returning(versions)).mappings().one()
        return version_from_row(row)

    def version(self, version_id: int) -> Version:
        """The version with this id; raises NotFoundError."""
        row = self._first(select(versions).where(versions.c.id == version_id))
        if row is None:
            raise NotFoundError("This version has been removed.")
        return version_from_row(row)

    def newest_version(self, dashboard_id: int) -> Version | None:
        """The version that was published last, whatever came of it."""
        query = select(versions).where(versions.c.dashboard_id == dashboard_id)
        row = self._first(query.order_by(versions.c.number.desc()).limit(1))
        return version_from_row(row) if row else None

    def succeeded_versions(self, dashboard_id: int) -> set[int]:
        """The ids of the versions with a kept run, of their defaults, that succeeded."""
        query = select(runs.c.version_id).distinct()
        query = query.where(
            runs.c.dashboard_id == dashboard_id,
            runs.c.parameters_key == "",
            runs.c.state == RunState.SUCCEEDED,
        )
        return {row["version_id"] for row in self._all(query)}

    def version_folders(self) -> set[str]:
        """The folders that versions run in, of those that have one of their own."""
        query = select(versions.c.folder).where(versions.c.folder.is_not(None))
        return {str(row["folder"]) for row in self._all(query)}

    def versions(self, dashboard_id: int) -> list[Version]:
        """The dashboard's versions, newest first."""
        query = select(versions).where(versions.c.dashboard_id == dashboard_id)
        return [version_from_row(row) for row in self._all(query.order_by(versions.c.number.desc()))]
