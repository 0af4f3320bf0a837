"""The commands that the documentation names, run as a person runs them, at a port of their own.

`tests/infrastructure/test_documented_commands.py` holds that each documented command is one of
these. What deploys to an account is run against the local cloud's endpoint.
"""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator

import pytest
import requests

from localcloud.place import Place, free_port, place
from tests.e2e.commands import ROOT, WITHIN_SECONDS, environment, run


@pytest.fixture(scope="module")
def here() -> Iterator[Place]:
    """A local cloud that `make up` started."""
    where = place(free_port())
    run("make", "up", PORT=str(where.port))
    yield where
    run("make", "down", PORT=str(where.port))
    shutil.rmtree(where.home)


def test_make_alone_lists_what_can_be_done() -> None:
    listed = run("make")
    targets = re.findall(r"^([a-z0-9]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for target in set(targets) - {"help"}:
        assert re.search(rf"^  make {target} +\S", listed, re.MULTILINE), target


def test_make_build_has_nothing_to_do_the_second_time() -> None:
    run("make", "build")
    assert "==" not in run("make", "build")


def test_make_outputs_prints_urls_that_answer(here: Place) -> None:
    printed = run("make", "outputs", PORT=str(here.port))
    rest = re.search(r"RestUrl\s+(\S+)", printed)
    assert rest
    assert requests.get(f"{rest[1]}/health", timeout=30).json()["status"] == "ok"


def test_make_deploy_deploys_into_the_running_cloud(here: Place) -> None:
    assert "is up to date" in run("make", "deploy", PORT=str(here.port))


def test_make_logs_follows_until_it_is_interrupted(here: Place) -> None:
    with subprocess.Popen(
        ["make", "logs", "FUNCTION=health"],
        cwd=ROOT,
        env=environment(PORT=str(here.port)),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as following:
        assert following.stdout is not None
        assert "'health'" in following.stdout.readline()
        os.killpg(following.pid, signal.SIGINT)
        following.wait(WITHIN_SECONDS)


def test_make_redrive_shows_what_waits(here: Place) -> None:
    assert "publisher-failures" in run("make", "redrive", PORT=str(here.port))


def test_redrive_of_a_named_deployment_takes_the_shells_credentials(here: Place) -> None:
    """Marked in the documentation as needing AWS: here the account is the local cloud's."""
    command = (".venv/dev/bin/python", "-m", "ops.redrive")
    said = run(
        *command,
        "--prefix",
        "tenantry-local",
        "--dry-run",
        **here.credentials(),
        PYTHONPATH="layers/tenantry",
    )
    assert "publisher-failures" in said


def test_make_deploy_of_another_stage_deploys_to_the_account(here: Place) -> None:
    """Marked in the documentation as needing AWS: here the account is the local cloud's."""
    said = run("make", "deploy", "ENV=dev", **here.credentials())
    assert "Successfully created/updated stack - tenantry-dev" in said


def test_make_reset_empties_the_cloud_and_deploys_again(here: Place) -> None:
    said = run("make", "reset", PORT=str(here.port))
    assert "empty, running" in said
    assert "UserPoolId" in said


def test_make_demo_tells_its_story() -> None:
    assert re.search(r"steps +(\d+) of \1 done", run("make", "demo"))
