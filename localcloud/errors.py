"""What can go wrong with a local cloud, each with a message that says what to do.

LocalCloudError
 +- AlreadyRunningError    another server uses the same folder
 +- PortInUseError         another program listens on the port
 +- NotRunningError        a command needs a running cloud
 +- StartFailedError       the server ended or never answered
 +- DeployFailedError      sam deploy did not succeed
 +- NotBuiltError          there is nothing to deploy
"""

from __future__ import annotations

from pathlib import Path


class LocalCloudError(Exception):
    """The tree's root; its text is meant for the person at the terminal."""


class AlreadyRunningError(LocalCloudError):
    """Another server uses the same folder."""

    def __init__(self, home: Path) -> None:
        super().__init__(f"A local cloud is already running with the state in {home}.")


class PortInUseError(LocalCloudError):
    """Another program listens on the port."""

    def __init__(self, port: int) -> None:
        super().__init__(
            f"Port {port} is used by another program. Choose another one: PORT={port + 1}."
        )


class NotRunningError(LocalCloudError):
    """A command needs a running cloud."""

    def __init__(self, home: Path) -> None:
        super().__init__(f"No local cloud is running with the state in {home}. Start it: make up.")


class StartFailedError(LocalCloudError):
    """The server ended or never answered."""


class DeployFailedError(LocalCloudError):
    """sam deploy did not succeed."""


class NotBuiltError(LocalCloudError):
    """There is nothing to deploy."""
