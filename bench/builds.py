"""How long the project's own commands take: the build, the local cloud, the demo."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.artifacts import ARCHITECTURE, ROOT, WORK, BenchError, run_sam
from bench.figures import Bound, Figure, Goal, Tick, series
from localcloud.place import free_port

_BUILD, _CACHE = WORK / "build", WORK / "build-cache"
_LIMIT = 300


def builds(build: Path, bound: Bound, tick: Tick) -> Iterator[Figure]:  # noqa: ARG001 - one shape
    """`sam build` from nothing and with nothing changed, in folders of its own."""
    cold: list[float] = []
    cached: list[float] = []
    for number in range(min(bound.rounds, 3)):
        for folder in (_BUILD, _CACHE):
            shutil.rmtree(folder, ignore_errors=True)
        for runs, kind in ((cold, "cold"), (cached, "cached")):
            tick(f"sam build, {kind}, round {number + 1}")
            runs.append(_seconds_of_build())
    yield Figure("sam build, nothing changed", "s", series(cached), series(cold), "from nothing")


def commands(build: Path, bound: Bound, tick: Tick) -> Iterator[Figure]:  # noqa: ARG001 - one shape
    """`up` to ready with everything deployed, again with its state, and the demo from nothing."""
    first, again, demo = [], [], []
    for number in range(min(bound.rounds, 3)):
        home = WORK / "cloud"
        shutil.rmtree(home, ignore_errors=True)
        port = str(free_port())
        place = ["--port", port, "--state", str(home)]
        tick(f"up, from nothing, round {number + 1}")
        try:
            first.append(_seconds_of(["localcloud", "up", *place]))
            _run(["localcloud", "down", *place])
            tick(f"up, with its state, round {number + 1}")
            again.append(_seconds_of(["localcloud", "up", *place]))
        finally:
            _run(["localcloud", "down", *place])
        tick(f"demo, round {number + 1}")
        demo.append(_seconds_of(["localcloud.demo"]))
    yield Figure("up to ready, everything deployed", "s", series(first))
    yield Figure("up again, with its state", "s", series(again))
    yield Figure("demo, on a local cloud of its own", "s", series(demo), goal=_under(60))


def _under(seconds: float) -> Goal:
    return Goal(seconds, least=False, of_ratio=False)


def _seconds_of_build() -> float:
    started = time.perf_counter()
    run_sam(
        "build",
        "--config-env",
        "local",
        "--build-dir",
        str(_BUILD),
        "--cache-dir",
        str(_CACHE),
        "--parameter-overrides",
        "Stage=local",
        "Prefix=tenantry-local",
        f"Architecture={ARCHITECTURE}",
    )
    return time.perf_counter() - started


def _seconds_of(module: Sequence[str]) -> float:
    started = time.perf_counter()
    done = _run(module)
    if done.returncode:
        raise BenchError(f"{' '.join(module)} failed:\n{done.stderr[-2000:]}{done.stdout[-2000:]}")
    return time.perf_counter() - started


def _run(module: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *module],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_LIMIT,
        check=False,
    )
