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

from localcloud.place import ACCOUNT_ID, REGION, free_port, port_in_use
from tenantry.bootstrap import CONFIG

_ROOT = Path(__file__).parents[2]
_READY_WITHIN = 60
_STOPS_WITHIN = 60

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
            config=CONFIG.merge(
                Config(**{"max_pool_connections": 80, "read_timeout": 20, **config})
            ),
            **(credentials or {"aws_access_key_id": "test", "aws_secret_access_key": "test"}),
        )

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
    """Start a local cloud on a free port of 127.0.0.1, with its state in `home`."""
    port = free_port()
    home.mkdir(parents=True, exist_ok=True)
    log = (home / "server.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVE, "--port", str(port), "--state", str(home)],
        cwd=_ROOT,
        env={**_clean_environment(), "LOCALCLOUD_LOG_LEVEL": "WARNING"},
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    cloud = MiniStack(port, home, _process=process, _log=log)
    deadline = time.monotonic() + _READY_WITHIN
    while not port_in_use(port):
        if process.poll() is not None or time.monotonic() > deadline:
            cloud.stop()
            raise RuntimeError(
                f"the local cloud did not start: {(home / 'server.log').read_text()}"
            )
        time.sleep(0.05)
    return cloud


def _clean_environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {**kept, "PYTHONPATH": str(_ROOT)}
