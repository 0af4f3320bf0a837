"""The tests' own local cloud: what is wrong with it is said at once, with its log."""

from pathlib import Path

import pytest

from localcloud.place import free_port
from tests.support import ministack
from tests.support.ministack import start


def test_a_cloud_that_was_ended_from_outside_is_told_apart_from_one_that_runs(
    tmp_path: Path,
) -> None:
    cloud = start(tmp_path)
    assert cloud.trouble() is None
    assert cloud._process is not None

    cloud._process.kill()
    cloud._process.wait()

    trouble = cloud.trouble()
    cloud.start_again()
    assert cloud.trouble() is None
    cloud.stop()
    assert trouble is not None
    assert "ended with -9" in trouble
    assert str(tmp_path / "server.log") in trouble


def test_a_port_that_another_took_meanwhile_is_not_mistaken_for_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two sessions at once are given one port: the second finds itself another."""
    first = start(tmp_path / "first")
    ports = iter([first.port])
    monkeypatch.setattr(ministack, "free_port", lambda: next(ports, None) or free_port())

    second = start(tmp_path / "second")

    assert second.port != first.port
    first.stop()
    assert second.trouble() is None
    second.stop()
