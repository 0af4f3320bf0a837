"""A local cloud keeps what it holds, and nothing that ends it keeps it from starting again."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from rich.console import Console

from localcloud import cli, deployment, process, snapshot
from localcloud.errors import AlreadyRunningError, NotRunningError, PortInUseError
from localcloud.place import HOST, REGION, Place, free_port

needs_proc = pytest.mark.skipif(
    not Path("/proc/net/tcp").exists(), reason="looks at processes and sockets in Linux's /proc"
)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Place]:
    """A place of its own, stopped at the end whatever happened."""
    where = Place(free_port(), tmp_path / "cloud")
    yield where
    process.stop(where)


def client(where: Place, service: str) -> Any:
    return boto3.client(
        service,  # type: ignore[call-overload]  # any service, by name
        endpoint_url=where.endpoint,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def remember(where: Place) -> None:
    """Put an item, a user, an object, a mail and a queue into the cloud."""
    client(where, "dynamodb").create_table(
        TableName="kept",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "PK", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}],
    )
    client(where, "dynamodb").put_item(TableName="kept", Item={"PK": {"S": "item"}})
    pool = client(where, "cognito-idp").create_user_pool(PoolName="kept")["UserPool"]["Id"]
    client(where, "cognito-idp").admin_create_user(UserPoolId=pool, Username="ada")
    client(where, "s3").create_bucket(
        Bucket="kept", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    client(where, "s3").put_object(Bucket="kept", Key="object", Body=b"content")
    client(where, "sqs").create_queue(QueueName="kept")


def remembered(where: Place) -> dict[str, Any]:
    item = client(where, "dynamodb").get_item(TableName="kept", Key={"PK": {"S": "item"}})
    pools = client(where, "cognito-idp").list_user_pools(MaxResults=10)["UserPools"]
    users = client(where, "cognito-idp").list_users(UserPoolId=pools[0]["Id"])["Users"]
    return {
        "item": item.get("Item"),
        "users": [user["Username"] for user in users],
        "object": client(where, "s3").get_object(Bucket="kept", Key="object")["Body"].read(),
        "queue": client(where, "sqs").get_queue_url(QueueName="kept")["QueueUrl"],
    }


def is_saved(where: Place) -> bool:
    """Whether what `remember` made is in the files of the state."""
    made = {"dynamodb": '"item"', "cognito": '"ada"', "s3": "kept", "sqs": "kept"}
    files = {name: where.state / f"{name}.json" for name in made}
    return all(files[name].exists() and made[name] in files[name].read_text() for name in made)


def test_a_restart_finds_everything_again(home: Place) -> None:
    process.start(home)
    remember(home)
    before = remembered(home)

    assert process.stop(home)
    process.start(home)

    assert remembered(home) == before


@needs_proc
def test_the_server_listens_on_this_machine_alone(home: Place) -> None:
    process.start(home)

    listening = {
        line.split()[1]
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
        if line.split()[3] == "0A" and line.split()[1].endswith(f":{home.port:04X}")
    }

    assert listening == {f"0100007F:{home.port:04X}"}


def test_after_a_kill_it_starts_again_with_what_was_saved(home: Place) -> None:
    pid = process.start(home)
    remember(home)
    deployment.save_state(home)
    before = remembered(home)

    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert home.record.exists()
    assert process.running(home) is None
    process.start(home)

    assert remembered(home) == before


def test_what_changed_is_saved_a_while_later(home: Place, until: Callable[..., Any]) -> None:
    pid = process.start(home, environment={"LOCALCLOUD_SAVE_SECONDS": "0.2"})
    remember(home)
    before = remembered(home)
    until(lambda: is_saved(home))

    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    process.start(home)

    assert remembered(home) == before


def test_a_stop_in_the_middle_of_saving_loses_nothing(home: Place) -> None:
    process.start(home, environment={"LOCALCLOUD_SAVE_SECONDS": "0"})
    remember(home)
    before = remembered(home)

    process.stop(home)
    assert "failed to save" not in home.log.read_text()
    process.start(home)

    assert remembered(home) == before


def test_state_that_was_half_written_is_moved_aside_with_a_message(home: Place) -> None:
    process.start(home)
    remember(home)
    process.stop(home)
    file = home.state / "dynamodb.json"
    file.write_text(file.read_text()[:-20])

    process.start(home)

    assert client(home, "dynamodb").list_tables()["TableNames"] == []
    (aside,) = home.home.glob("unreadable-*")
    assert (aside / "state" / "dynamodb.json").exists()
    assert f"(dynamodb.json); it was moved to {aside}" in home.log.read_text()


def test_a_stale_record_of_a_process_means_nothing(home: Place) -> None:
    home.home.mkdir(parents=True)
    home.lock.touch()
    # This very process lives, but it is no local cloud.
    home.record.write_text(json.dumps({"pid": os.getpid(), "port": home.port}))

    assert process.running(home) is None
    assert not process.stop(home)
    process.start(home)

    assert process.running(home) != os.getpid()


def test_a_port_in_use_is_said_at_once(home: Place) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, home.port))
        taken.listen()

        with pytest.raises(PortInUseError, match=f"Port {home.port} is used"):
            process.start(home)


def test_one_folder_serves_one_cloud(home: Place) -> None:
    process.start(home)

    with pytest.raises(AlreadyRunningError):
        process.start(Place(free_port(), home.home))


def test_two_clouds_run_side_by_side(home: Place, tmp_path: Path) -> None:
    process.start(home)
    client(home, "sqs").create_queue(QueueName="here")

    with process.running_cloud(tmp_path / "other") as other:
        assert not client(other, "sqs").list_queues().get("QueueUrls")
    assert process.is_ready(home)


def test_a_clone_has_the_contents_at_its_own_port(home: Place, tmp_path: Path) -> None:
    process.start(home)
    remember(home)
    home.outputs.write_text(json.dumps({"RestUrl": f"{home.endpoint}/rest"}))
    before = remembered(home)
    process.stop(home)
    snapshot.save(home, tmp_path / "snapshot")

    clone = snapshot.clone(tmp_path / "snapshot", tmp_path / "clone")
    with contextlib.ExitStack() as stack:
        process.start(clone)
        stack.callback(process.stop, clone)

        assert clone.port != home.port
        after = remembered(clone)
        assert after == before | {"queue": f"{clone.endpoint}/000000000000/kept"}
        assert json.loads(clone.outputs.read_text()) == {"RestUrl": f"{clone.endpoint}/rest"}


def test_a_running_cloud_cannot_be_copied(home: Place, tmp_path: Path) -> None:
    process.start(home)

    with pytest.raises(AlreadyRunningError):
        snapshot.save(home, tmp_path / "snapshot")


@needs_proc
@pytest.mark.parametrize("end", [process.stop, process.discard])
def test_stopping_ends_the_functions_too(
    home: Place, until: Callable[..., Any], end: Callable[[Place], Any]
) -> None:
    server = process.start(home)
    functions = _functions_of(home)
    name = functions.create("import os\n\ndef handler(event, context):\n    return os.getpid()\n")
    answer = client(home, "lambda").invoke(FunctionName=name)
    worker = int(answer["Payload"].read())
    assert worker != server

    end(home)

    assert process.running(home) is None
    until(lambda: not Path(f"/proc/{worker}").exists() or _is_zombie(worker))


@needs_proc
def test_functions_end_when_the_server_is_killed(home: Place, until: Callable[..., Any]) -> None:
    server = process.start(home)
    name = _functions_of(home).create(
        "import os\n\ndef handler(event, context):\n    return os.getpid()\n"
    )
    worker = int(client(home, "lambda").invoke(FunctionName=name)["Payload"].read())

    os.kill(server, signal.SIGKILL)
    os.waitpid(server, 0)

    until(lambda: not Path(f"/proc/{worker}").exists() or _is_zombie(worker))


def test_reset_empties_a_cloud_that_runs(home: Place) -> None:
    process.start(home)
    remember(home)

    cli.reset(home, Console(quiet=True), redeploy=False)

    assert client(home, "dynamodb").list_tables()["TableNames"] == []
    assert client(home, "s3").list_buckets()["Buckets"] == []


def test_commands_that_need_a_cloud_say_so(home: Place) -> None:
    for command in ("deploy", "logs", "status"):
        arguments = [command, "--port", str(home.port), "--state", str(home.home)]
        assert cli.main(arguments) == 1
    with pytest.raises(NotRunningError, match="Start it: make up"):
        cli.status(home, Console(quiet=True))


def _is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def _functions_of(where: Place) -> Any:
    from tests.contracts.localcloud.conftest import Functions

    return Functions(lambda service, **_: client(where, service))
