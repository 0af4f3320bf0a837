"""The server process: MiniStack inside the edge, on 127.0.0.1, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from localcloud.errors import AlreadyRunningError, PortInUseError
from localcloud.place import HOST, Place, emulator_environment, port_in_use

if TYPE_CHECKING:
    from hypercorn.typing import ASGIFramework


def serve(where: Place) -> None:
    """Serve until SIGTERM or SIGINT, then save the state; blocks.

    Raises AlreadyRunningError when another server holds the folder, PortInUseError when the
    port is taken.
    """
    where.home.mkdir(parents=True, exist_ok=True)
    with _held(where):
        if port_in_use(where.port):
            raise PortInUseError(where.port)
        _prepare_folders(where)
        # MiniStack reads its settings when imported, once per process.
        os.environ.update(emulator_environment(where))
        tempfile.tempdir = None
        asyncio.run(_run(where))


@contextlib.contextmanager
def _held(where: Place) -> Iterator[None]:
    with where.lock.open("a+") as handle:
        _acquire(handle, where)
        where.record.write_text(json.dumps({"pid": os.getpid(), "port": where.port}))
        try:
            yield
        finally:
            where.record.unlink(missing_ok=True)


def _acquire(handle: IO[str], where: Place) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise AlreadyRunningError(where.home) from None


def _prepare_folders(where: Place) -> None:
    shutil.rmtree(where.scratch, ignore_errors=True)
    for folder in (where.state, where.objects, where.scratch):
        folder.mkdir(parents=True, exist_ok=True)
    _set_aside_unreadable_state(where)
    _move_urls_to_port(where)


def _set_aside_unreadable_state(where: Place) -> None:
    """Move the whole state away when a file of it cannot be read.

    Services refer to each other (a stack to the pool it made), so a state that lost one file
    would be repaired by nothing; an empty cloud is deployed to in seconds.
    """
    for leftover in where.state.glob("*.tmp"):
        leftover.unlink()
    unreadable = [file.name for file in sorted(where.state.glob("*.json")) if not _is_json(file)]
    if not unreadable:
        return
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    aside = where.home / f"unreadable-{stamp}"
    aside.mkdir()
    where.state.rename(aside / "state")
    where.objects.rename(aside / "s3")
    where.state.mkdir()
    where.objects.mkdir()
    print(
        f"The saved state could not be read ({', '.join(unreadable)}); it was moved to {aside} "
        "and the local cloud starts empty.",
        file=sys.stderr,
        flush=True,
    )


def _move_urls_to_port(where: Place) -> None:
    """Make the saved URLs (queues, APIs) name this port when the state comes from another."""
    before = where.last_port.read_text() if where.last_port.exists() else ""
    if before.isdecimal() and int(before) != where.port:
        for file in [*where.state.glob("*.json"), where.outputs, where.amplify]:
            if file.exists():
                _replace_port(file, int(before), where.port)
    where.last_port.write_text(str(where.port))


def _replace_port(file: Path, before: int, after: int) -> None:
    text = file.read_text()
    # Not the beginning of a longer number.
    moved = re.sub(rf"{re.escape(HOST)}:{before}(?!\d)", f"{HOST}:{after}", text)
    if moved != text:
        new = file.with_suffix(".tmp")
        new.write_text(moved)
        new.replace(file)


def _is_json(file: Path) -> bool:
    try:
        json.loads(file.read_bytes())
    except ValueError:
        return False
    return True


async def _run(where: Place) -> None:
    from hypercorn.asyncio import serve as hypercorn_serve
    from hypercorn.config import Config

    from localcloud.edge.app import build_app
    from localcloud.edge.saving import SAVE_SECONDS, Saver

    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    config = Config()
    config.bind = [f"{HOST}:{where.port}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 3
    config.shutdown_timeout = 60
    config.startup_timeout = 60
    config.loglevel = "WARNING"
    started = time.monotonic()
    saver = Saver(float(os.environ.get("LOCALCLOUD_SAVE_SECONDS", SAVE_SECONDS)))
    app = build_app(saver, where)

    async def told_to_stop() -> None:
        async with saver.saving():
            await stopping.wait()

    print(
        f"local cloud on {where.endpoint}, loaded in {time.monotonic() - started:.1f} s", flush=True
    )
    await hypercorn_serve(cast("ASGIFramework", app), config, shutdown_trigger=told_to_stop)
    print("local cloud stopped, state saved", flush=True)
