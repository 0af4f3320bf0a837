"""The local cloud as a process of the tests: real concurrency and IAM, which moto cannot show."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import boto3
from botocore.config import Config

from localcloud.place import ACCOUNT_ID, REGION, Place, free_port
from localcloud.process import is_ready, log_tail
from tenantry.bootstrap import CONFIG, SINGLE_ATTEMPT

_ROOT = Path(__file__).parents[2]
_READY_WITHIN = 60
_STOPS_WITHIN = 60
_STARTS = 3
_ANSWERS_WITHIN = 30
_LOADED = "loaded in"
"""What the server says when its port was free and it is about to listen there."""
_NEVER = str(10**9)
"""Seconds: what a save costs grows with all that the session's tests wrote, and nobody reads it."""

# The server ends with its standard input, so that it never outlives the tests, however they end.
_SERVE = """
import os, signal, sys, threading
from localcloud.cli import main
def watch():
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)
threading.Thread(target=watch, daemon=True).start()
sys.exit(main(["serve", *sys.argv[1:]]))
"""


@dataclass
class MiniStack:
    """A running local cloud, with IAM enforced; the root credentials may do everything."""

    port: int
    home: Path
    account: str = ACCOUNT_ID
    region: str = REGION
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _log: IO[bytes] | None = field(default=None, repr=False)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What makes AWS clients of any kind talk to this cloud as root."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
        }

    def client(self, service: str, credentials: dict[str, str] | None = None, **config: Any) -> Any:
        """A client of this cloud, as root unless `credentials` say otherwise.

        Configured as the product's own, with a pool and patience for 64 threads; `config` goes
        into botocore's Config.
        """
        session: Any = boto3.session.Session()
        return session.client(
            service,
            endpoint_url=self.endpoint,
            region_name=self.region,
            config=(SINGLE_ATTEMPT if service == "dynamodb" else CONFIG).merge(
                Config(**{"max_pool_connections": 80, "read_timeout": 20, **config})
            ),
            **(credentials or {"aws_access_key_id": "test", "aws_secret_access_key": "test"}),
        )

    @property
    def place(self) -> Place:
        return Place(self.port, self.home)

    def trouble(self) -> str | None:
        """What is wrong with the server, with the end of its log; None while it answers."""
        if self._process is None:
            return None
        deadline = time.monotonic() + _ANSWERS_WITHIN
        while (ended := self._process.poll()) is None:
            if is_ready(self.place):
                return None
            if time.monotonic() > deadline:
                return f"does not answer for {_ANSWERS_WITHIN} s\n{log_tail(self.place)}"
            time.sleep(0.05)
        return f"ended with {ended}, and no test told it to\n{log_tail(self.place)}"

    def start_again(self) -> None:
        """Another server, empty, on another port."""
        self.stop()
        other = start(self.home.with_name(f"{self.home.name}-again"))
        self.port, self.home = other.port, other.home
        self._process, self._log = other._process, other._log

    def stop(self) -> None:
        if self._process is None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(_STOPS_WITHIN)
        finally:
            self._process.kill()
            if self._log:
                self._log.close()


def start(home: Path) -> MiniStack:
    """Start a local cloud on a free port of 127.0.0.1, with its state in `home`.

    Another process may take the port in the moment between: then on another one.
    """
    home = home.resolve()
    told = ""
    for _ in range(_STARTS):
        cloud = _started(home, free_port())
        deadline = time.monotonic() + _READY_WITHIN
        while cloud._process is not None and cloud._process.poll() is None:
            # The port alone does not tell whose server it is; that it got past the check does.
            if _LOADED in cloud.place.log.read_text() and is_ready(cloud.place):
                return cloud
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        cloud.stop()
        told = log_tail(cloud.place)
    raise RuntimeError(f"the local cloud did not start:\n{told}")


def _started(home: Path, port: int) -> MiniStack:
    home.mkdir(parents=True, exist_ok=True)
    log = Place(port, home).log.open("wb")
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVE, "--port", str(port), "--state", str(home)],
        cwd=_ROOT,
        env={
            **_clean_environment(),
            "LOCALCLOUD_LOG_LEVEL": "WARNING",
            "LOCALCLOUD_SAVE_SECONDS": _NEVER,
        },
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    return MiniStack(port, home, _process=process, _log=log)


def _clean_environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {**kept, "PYTHONPATH": str(_ROOT)}
