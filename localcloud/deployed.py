"""A cloud with the product in it, in about a second: deployed once per build, then cloned."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from localcloud import deployment, outputs, process, snapshot
from localcloud.deployment import BUILT_TEMPLATE, ROOT, Progress
from localcloud.errors import NotBuiltError
from localcloud.place import Place, free_port

CACHE = ROOT / ".cache" / "deployed"
_KEPT = 4


@contextlib.contextmanager
def deployed_cloud(
    overrides: Mapping[str, str] | None = None,
    *,
    progress: Progress | None = None,
    environment: dict[str, str] | None = None,
) -> Iterator[tuple[Place, dict[str, str]]]:
    """A running cloud of its own with what was last built, and its outputs; gone afterwards.

    `overrides` are template parameters on top of the local ones. The first call for a build and
    its parameters deploys; later ones, of other processes too, start from a copy.
    """
    told = progress or (lambda _: None)
    saved = _snapshot({**deployment.parameters(), **(overrides or {})}, told)
    with tempfile.TemporaryDirectory(prefix="tenantry-", ignore_cleanup_errors=True) as folder:
        told("starting the local cloud")
        place = snapshot.clone(saved, Path(folder) / "cloud")
        process.start(place, environment=environment)
        try:
            yield place, outputs.read(place)
        finally:
            process.discard(place)


def _snapshot(parameters: Mapping[str, str], told: Progress) -> Path:
    """The folder of the saved cloud for this build; made by one process while others wait."""
    template = ROOT / BUILT_TEMPLATE
    if not template.exists():
        raise NotBuiltError(
            f"There is nothing to deploy: {template} does not exist. Run: make build"
        )
    target = CACHE / deployment.fingerprint(template, parameters)
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.exists():
            target.touch()
            return target
        with tempfile.TemporaryDirectory(prefix="tenantry-", dir=CACHE) as folder:
            place = Place(free_port(), Path(folder) / "cloud")
            told("starting the local cloud")
            process.start(place)
            try:
                deployment.deploy(place, overrides=parameters, progress=told)
            finally:
                process.stop(place)
            snapshot.save(place, Path(folder) / "saved")
            (Path(folder) / "saved").rename(target)
        _forget_old(target)
    return target


def _forget_old(newest: Path) -> None:
    saved = [path for path in CACHE.iterdir() if path.is_dir() and path != newest]
    for path in sorted(saved, key=lambda path: path.stat().st_mtime)[: -_KEPT + 1]:
        shutil.rmtree(path, ignore_errors=True)
