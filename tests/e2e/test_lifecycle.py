"""The deployed product through starts, stops, kills, interruptions and a change of its code.

`tests/contracts/localcloud/test_lifecycle.py` holds the same of an empty local cloud.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from localcloud import deployment, outputs, process
from localcloud.client import Product, until
from localcloud.deployed import deployed_cloud
from localcloud.place import Place, free_port
from tests.e2e.commands import ROOT, WITHIN_SECONDS, environment, run, run_in, run_in_vain
from tests.e2e.conftest import PASSWORD

needs_proc = pytest.mark.skipif(
    not Path("/proc/net/tcp").exists(), reason="looks at processes and sockets in Linux's /proc"
)

ME = "query { me { email } }"
RENAME = "mutation($input: UpdateOrganizationInput!) { updateOrganization(input: $input) { name } }"
ACTIVITY = "query { activity(first: 5) { items { type } } }"
LISTENING = "0A"
OWN_ADDRESSES = {"0100007F", "00000000000000000000000001000000"}


@pytest.fixture(scope="module")
def here() -> Iterator[Place]:
    """A cloud with the product in it, which these tests stop, kill and interrupt."""
    with deployed_cloud() as (place, _):
        yield place


@pytest.fixture
def up(here: Place) -> Place:
    """The same cloud, running."""
    if process.running(here) is None:
        process.start(here)
    return here


def localcloud(command: str, *options: str, where: Place) -> list[str]:
    at = ["--port", str(where.port), "--state", str(where.home)]
    return [sys.executable, "-m", "localcloud", command, *options, *at]


def product(where: Place) -> Product:
    return Product(outputs.read(where))


def test_after_down_and_up_a_person_signs_in_and_is_who_they_were(up: Place) -> None:
    email = "ada@restart.example"
    before = product(up).join(email, PASSWORD, organization_name="Restarted Works").claims

    run(*localcloud("down", where=up))
    assert process.running(up) is None
    said = run(*localcloud("up", where=up))

    assert "tenantry-local is up to date" in said
    again = product(up).sign_in(email, PASSWORD)
    for claim in ("sub", "org_id", "role", "plan"):
        assert again.claims[claim] == before[claim]
    assert product(up).graphql(ME, again)["me"]["email"] == email

    # What is changed after it is told as before: the stream's readers go on.
    product(up).graphql(RENAME, again, input={"name": "Works again", "expectedVersion": 1})
    until(
        "the change in the activity",
        lambda: "OrganizationUpdated" in str(product(up).graphql(ACTIVITY, again)),
    )


def test_a_session_goes_on_after_a_restart(up: Place) -> None:
    email = "bob@restart.example"
    tokens = product(up).join(email, PASSWORD)

    run(*localcloud("down", where=up))
    process.start(up)

    assert product(up).graphql(ME, tokens)["me"]["email"] == email
    assert product(up).refresh(tokens).claims["sub"] == tokens.claims["sub"]


def test_after_a_kill_up_starts_and_finds_who_was_saved(up: Place) -> None:
    email = "grace@kill.example"
    product(up).join(email, PASSWORD)
    deployment.save_state(up)
    server = process.running(up)
    assert server is not None

    os.kill(server, signal.SIGKILL)
    until("the lock is free", lambda: process.running(up) is None)
    run(*localcloud("up", where=up))

    tokens = product(up).sign_in(email, PASSWORD)
    assert product(up).graphql(ME, tokens)["me"]["email"] == email


def test_what_one_cloud_holds_another_beside_it_does_not(
    up: Place, cloud: tuple[Place, dict[str, str]]
) -> None:
    other, found = cloud
    assert other.port != up.port
    product(up).join("eve@beside.example", PASSWORD)

    with pytest.raises(ClientError, match="NotAuthorizedException"):
        Product(found).sign_in("eve@beside.example", PASSWORD)
    assert Product(found).rest("GET", "/health").json()["status"] == "ok"


def test_up_at_a_port_in_use_says_which_other_one_to_take(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        said = run_in_vain(*localcloud("up", where=Place(port, tmp_path)))

    assert f"Port {port} is used by another program." in said
    assert f"PORT={port + 1}" in said
    assert "Traceback" not in said


@needs_proc
def test_an_interrupt_ends_what_follows_the_logs_and_leaves_nothing(here: Place) -> None:
    process.stop(here)
    interrupt_in_the_foreground(here, "Following the functions' logs")


@needs_proc
def test_an_interrupt_in_the_middle_of_a_deployment_leaves_nothing(tmp_path: Path) -> None:
    interrupt_in_the_foreground(Place(free_port(), tmp_path), "uploading")


@needs_proc
def test_nothing_of_it_listens_beyond_this_machine(up: Place) -> None:
    product(up).join("mallory@elsewhere.example", PASSWORD)  # its functions run too
    processes = processes_of(up)
    assert len(processes) > 1

    listening = listening_addresses(processes)

    assert ("0100007F", up.port) in listening
    assert {address for address, _ in listening} <= OWN_ADDRESSES


def test_what_is_deployed_already_is_not_deployed_again(up: Place) -> None:
    before = stack(up)

    said = run(*localcloud("deploy", where=up))

    assert "tenantry-local is up to date" in said
    assert outputs.read(up)["GraphqlUrl"] in said
    assert stack(up) == before


def test_a_change_in_one_context_is_built_deployed_and_served_alone(
    up: Place, tmp_path: Path
) -> None:
    before = functions(up)
    tree = copy_of_the_tree(tmp_path / "tree")
    (tree / ".localcloud").mkdir()
    (tree / ".localcloud" / str(up.port)).symlink_to(up.home)
    changed = tree / "functions" / "health" / "api.py"
    source = changed.read_text()
    assert '"ok" if' in source
    changed.write_text(source.replace('"ok" if', '"as right as rain" if'))

    said = run_in(tree, "make", "deploy", PORT=str(up.port))

    assert "tenantry-local is up to date" in said
    assert requests.get(f"{outputs.read(up)['RestUrl']}/health", timeout=30).json()["status"] == (
        "as right as rain"
    )
    after = functions(up)
    assert {name for name in after if after[name] != before[name]} == {"tenantry-local-health-api"}
    assert after.keys() == before.keys()


def interrupt_in_the_foreground(where: Place, moment: str) -> None:
    """Start a cloud in the foreground and interrupt it, as Ctrl-C does, once it says `moment`."""
    with subprocess.Popen(
        localcloud("up", "--foreground", where=where),
        cwd=ROOT,
        env=environment(PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as command:
        assert command.stdout is not None
        said = [command.stdout.readline()]
        while moment not in said[-1]:
            assert said[-1], "".join(said)
            said.append(command.stdout.readline())
        running = processes_of(where)
        assert running

        os.killpg(command.pid, signal.SIGINT)
        said.append(command.stdout.read())
        status = command.wait(WITHIN_SECONDS)

    assert status == 130, "".join(said)
    assert "its data stays" in said[-1]
    assert "Traceback" not in said[-1]
    assert process.running(where) is None
    until("every process has ended", lambda: not processes_of(where) & running)


def stack(where: Place) -> Any:
    described = deployment.client(where, "cloudformation").describe_stacks(
        StackName=deployment.STACK
    )
    return described["Stacks"][0]


def functions(where: Place) -> dict[str, tuple[str, str]]:
    """Each function's code and when it was last modified."""
    pages = deployment.client(where, "lambda").get_paginator("list_functions").paginate()
    return {
        function["FunctionName"]: (function["CodeSha256"], function["LastModified"])
        for page in pages
        for function in page["Functions"]
    }


def copy_of_the_tree(target: Path) -> Path:
    """The project as it is here, with what was built and installed, to be changed."""
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard")
    for name in listed.splitlines():
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    (target / ".venv").symlink_to(ROOT / ".venv")
    shutil.copytree(ROOT / ".aws-sam", target / ".aws-sam", symlinks=True)
    # SAM knows what it has built by the folder that it was built from.
    index = target / ".aws-sam" / "build.toml"
    index.write_text(index.read_text().replace(f'"{ROOT}/', f'"{target}/'))
    return target


def processes_of(where: Place) -> set[int]:
    """The processes that a cloud is made of, its functions among them."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            told = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
        except OSError:
            continue  # ended meanwhile
        if os.fsencode(where.home) in told:
            found.add(int(folder.name))
    return found


def listening_addresses(processes: set[int]) -> set[tuple[str, int]]:
    """Where these processes listen: addresses as the kernel writes them, and ports."""
    sockets = set()
    for number in processes:
        for handle in Path(f"/proc/{number}/fd").iterdir():
            try:
                sockets.add(str(handle.readlink()))
            except OSError:
                continue  # closed meanwhile
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == LISTENING and f"socket:[{inode}]" in sockets:
                address, _, port = local.partition(":")
                found.add((address, int(port, 16)))
    return found
