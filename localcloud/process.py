"""Start and stop the server process of a local cloud, from commands and from tests."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

from localcloud.errors import AlreadyRunningError, PortInUseError, StartFailedError
from localcloud.place import Place, free_port, port_in_use

START_SECONDS = 60.0
STOP_SECONDS = 60.0
_POLL_SECONDS = 0.05
_LOG_TAIL = 15

# What the server inherits: nothing of the caller's AWS settings, Python path or make.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "USER", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
_INHERITED_PREFIXES = ("LOCALCLOUD_", "SMTP_")


def start(
    where: Place,
    *,
    environment: dict[str, str] | None = None,
) -> int:
    """Start the server in a process of its own and wait until it answers; returns its id.

    Raises AlreadyRunningError, PortInUseError or StartFailedError.
    """
    if running(where) is not None:
        raise AlreadyRunningError(where.home)
    if port_in_use(where.port):
        raise PortInUseError(where.port)
    where.home.mkdir(parents=True, exist_ok=True)
    with where.log.open("wb") as log:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "localcloud",
                "serve",
                "--port",
                str(where.port),
                "--state",
                str(where.home),
            ],
            cwd=Path(__file__).parent.parent,
            env={**_inherited(), **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_SECONDS
    while not is_ready(where):
        if process.poll() is not None:
            raise StartFailedError(f"The local cloud ended while starting.\n{log_tail(where)}")
        if time.monotonic() > deadline:
            process.terminate()
            raise StartFailedError(
                f"The local cloud did not answer within {START_SECONDS:.0f} s.\n{log_tail(where)}"
            )
        time.sleep(_POLL_SECONDS)
    return process.pid


def stop(where: Place) -> bool:
    """Stop the server, its state saved; False when none was running.

    A server that does not end within STOP_SECONDS is killed.
    """
    pid = running(where)
    if pid is None:
        where.record.unlink(missing_ok=True)
        return False
    _signal(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while is_held(where):
        if time.monotonic() > deadline:
            _signal(pid, signal.SIGKILL)
            deadline += STOP_SECONDS
        _reap(pid)
        time.sleep(_POLL_SECONDS)
    _reap(pid)
    return True


def discard(where: Place) -> None:
    """End the server and all that it started at once, with nothing saved: its folder goes too."""
    if (pid := running(where)) is None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    while is_held(where):
        time.sleep(_POLL_SECONDS)
    _reap(pid)


def running(where: Place) -> int | None:
    """The process id of the running server, None when there is none.

    The lock decides, not the file: a record that a crash left behind means nothing.
    """
    if not is_held(where):
        return None
    try:
        record = json.loads(where.record.read_text())
    except (OSError, ValueError):
        return None
    return int(record["pid"])


def is_held(where: Place) -> bool:
    """Whether a server holds the folder."""
    if not where.lock.exists():
        return False
    with where.lock.open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def is_ready(where: Place) -> bool:
    """Whether the server answers."""
    try:
        with urllib.request.urlopen(f"{where.endpoint}/_ministack/health", timeout=5) as answer:
            return bool(answer.status == HTTPStatus.OK)
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False


def running_port(where: Place) -> int | None:
    """The port of the running server, which may differ from the one asked for."""
    if running(where) is None:
        return None
    return int(json.loads(where.record.read_text())["port"])


def log_tail(where: Place) -> str:
    """The last lines that the server wrote."""
    if not where.log.exists():
        return ""
    lines = where.log.read_text(errors="replace").splitlines()
    return "\n".join([*lines[-_LOG_TAIL:], f"All of it: {where.log}"])


@contextlib.contextmanager
def running_cloud(
    home: Path, *, port: int | None = None, environment: dict[str, str] | None = None
) -> Iterator[Place]:
    """An empty (or previously saved) local cloud for the length of a test session."""
    where = Place(port or free_port(), home.resolve())
    start(where, environment=environment)
    try:
        yield where
    finally:
        stop(where)


def _inherited() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if name in _INHERITED or name.startswith(_INHERITED_PREFIXES)
    }


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _reap(pid: int) -> None:
    # Only a parent can, and only if the server is its child.
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
