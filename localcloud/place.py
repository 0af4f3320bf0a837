"""Where one local cloud lives: its port, its files, its credentials."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
DEFAULT_PORT = 4566
DEFAULT_HOME = Path(".localcloud")
REGION = "eu-central-1"
ACCOUNT_ID = "000000000000"

# The access key `test` is the account's root: IAM does not restrict it. Any twelve digits as
# access key are the root of the account of that number. Functions never see either: they run
# with the session of their own role.
ROOT_ACCESS_KEY = "test"
ROOT_SECRET_KEY = "test"

OUTPUTS_FILE = "outputs.json"
AMPLIFY_FILE = "amplify_outputs.json"


@dataclass(frozen=True, slots=True)
class Place:
    """The port and the folder of one local cloud; two places never share either."""

    port: int
    home: Path

    @property
    def endpoint(self) -> str:
        """The URL that AWS clients are given as their endpoint."""
        return f"http://{HOST}:{self.port}"

    @property
    def state(self) -> Path:
        """What the services remember, one JSON file for each."""
        return self.home / "state"

    @property
    def objects(self) -> Path:
        """The contents of S3."""
        return self.home / "s3"

    @property
    def scratch(self) -> Path:
        """Unpacked functions and other files that live as long as the server."""
        return self.home / "tmp"

    @property
    def log(self) -> Path:
        """What the server in the background writes."""
        return self.home / "server.log"

    @property
    def record(self) -> Path:
        """Process id and port of the server; true only while `lock` is held."""
        return self.home / "server.json"

    @property
    def lock(self) -> Path:
        """Locked by the running server: the kernel releases it however the server ends."""
        return self.home / "lock"

    @property
    def last_port(self) -> Path:
        """The port that the saved URLs name."""
        return self.home / "port"

    @property
    def outputs(self) -> Path:
        """The stack's outputs with local URLs."""
        return self.home / OUTPUTS_FILE

    @property
    def amplify(self) -> Path:
        """The same for a front end that uses Amplify."""
        return self.home / AMPLIFY_FILE

    def credentials(self) -> dict[str, str]:
        """The environment that makes an AWS client of any kind root of this cloud."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": ROOT_ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": ROOT_SECRET_KEY,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }


def place(port: int | None = None, state: Path | None = None) -> Place:
    """The place asked for; without a port, that of $PORT or the default.

    Without a folder, each port other than the default has its own.
    """
    chosen = int(os.environ.get("PORT") or DEFAULT_PORT) if port is None else port
    if state is not None:
        return Place(chosen, state.resolve())
    home = DEFAULT_HOME if chosen == DEFAULT_PORT else DEFAULT_HOME / str(chosen)
    return Place(chosen, home.resolve())


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def port_in_use(port: int) -> bool:
    """Whether something accepts connections on the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def emulator_environment(where: Place) -> dict[str, str]:
    """What MiniStack reads when it is imported."""
    return {
        "BIND_HOST": HOST,
        "MINISTACK_HOST": HOST,
        "GATEWAY_PORT": str(where.port),
        "MINISTACK_REGION": REGION,
        "MINISTACK_ACCOUNT_ID": ACCOUNT_ID,
        "AUTH": "true",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "PERSIST_STATE": "1",
        "S3_PERSIST": "1",
        "STATE_DIR": str(where.state),
        "S3_DATA_DIR": str(where.objects),
        "TMPDIR": str(where.scratch),
        "MINISTACK_COGNITO_PRETOKEN_STRICT": "1",
        "LOG_LEVEL": os.environ.get("LOCALCLOUD_LOG_LEVEL", "INFO"),
        # No daemon is looked for: functions are processes of this machine.
        "DOCKER_HOST": "unix:///nonexistent/docker.sock",
        "LAMBDA_EXECUTOR": "local",
        **where.credentials(),
    }
