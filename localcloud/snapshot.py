"""Copies of a deployed local cloud: deploy once, then start clones in about a second."""

from __future__ import annotations

import shutil
from pathlib import Path

from localcloud.errors import AlreadyRunningError, LocalCloudError
from localcloud.place import Place, free_port
from localcloud.process import is_held


def save(where: Place, target: Path) -> None:
    """Copy a stopped cloud's state to `target`, replacing what was there.

    Raises AlreadyRunningError while the cloud runs: its state is on disk only after a stop.
    """
    if is_held(where):
        raise AlreadyRunningError(where.home)
    if not where.last_port.exists():
        raise LocalCloudError(f"There is no state of a local cloud in {where.home}.")
    shutil.rmtree(target, ignore_errors=True)
    _copy(where, Place(where.port, target.resolve()))


def clone(source: Path, home: Path, port: int | None = None) -> Place:
    """A place with a copy of the snapshot, not started yet.

    Its URLs name its own port from the first start on; `process.start` and then read
    `place.outputs`.
    """
    saved = Place(0, source.resolve())
    if not saved.last_port.exists():
        raise LocalCloudError(f"{source} is no snapshot of a local cloud.")
    place = Place(port or free_port(), home.resolve())
    if is_held(place):
        raise AlreadyRunningError(place.home)
    _copy(saved, place)
    return place


def _copy(source: Place, target: Place) -> None:
    target.home.mkdir(parents=True, exist_ok=True)
    for before, after in ((source.state, target.state), (source.objects, target.objects)):
        shutil.rmtree(after, ignore_errors=True)
        if before.exists():
            shutil.copytree(before, after)
    for before, after in (
        (source.last_port, target.last_port),
        (source.outputs, target.outputs),
        (source.amplify, target.amplify),
    ):
        after.unlink(missing_ok=True)
        if before.exists():
            shutil.copy2(before, after)
