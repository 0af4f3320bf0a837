"""The older system: by hand, as a table, and over HTTP, alike."""

import time
from collections.abc import Iterator
from typing import Any

import bcrypt
import boto3
import pytest

from tenantry.errors import UnavailableError
from tenantry.identity.dynamodb import DynamoDBLegacyDirectory
from tenantry.identity.http import FAILURES, HttpLegacyDirectory, circuit_in, secret_of
from tenantry.identity.model import LegacyUser
from tenantry.identity.repository import LegacyDirectory
from tenantry.persistence.table import Table
from tests.support.fakes.identity import FakeLegacyDirectory
from tests.support.faults import down, injected
from tests.support.older_system import OlderSystem, older_system

ADA = LegacyUser(email="ada@legacy.example", name="Ada", locale="de")
SECRET = "shared-secret"


@pytest.fixture
def server() -> Iterator[OlderSystem]:
    with older_system(SECRET, {ADA: "old secret"}) as running:
        yield running


@pytest.fixture
def http(server: OlderSystem, platform_table: Table) -> HttpLegacyDirectory:
    client = boto3.client("dynamodb")
    secrets = boto3.client("secretsmanager")
    arn = secrets.create_secret(Name="legacy", SecretString=SECRET)["ARN"]
    circuit = circuit_in(client, platform_table.name)
    return HttpLegacyDirectory(server.url, secret_of(arn), circuit, total=0.5)


@pytest.fixture
def table(legacy_table: str) -> DynamoDBLegacyDirectory:
    client = boto3.client("dynamodb")
    hashed = bcrypt.hashpw(b"old secret", bcrypt.gensalt(4)).decode()
    item = {"email": ADA.email, "name": "Ada", "locale": "de", "password_hash": hashed}
    client.put_item(TableName=legacy_table, Item={n: {"S": v} for n, v in item.items()})
    return DynamoDBLegacyDirectory(Table(client, legacy_table))


@pytest.fixture(params=["in memory", "table", "http"])
def directory(request: pytest.FixtureRequest) -> LegacyDirectory:
    match request.param:
        case "in memory":
            return FakeLegacyDirectory({ADA.email: ("old secret", ADA)})
        case name:
            found: LegacyDirectory = request.getfixturevalue(name)
            return found


def test_address_and_password_find_the_person(directory: LegacyDirectory) -> None:
    assert directory.sign_in("ada@legacy.example", "old secret") == ADA


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("ada@legacy.example", "wrong"),
        ("ada@legacy.example", ""),
        ("bob@legacy.example", "old secret"),
    ],
)
def test_anything_else_finds_nobody(directory: LegacyDirectory, email: str, password: str) -> None:
    assert directory.sign_in(email, password) is None


def test_an_address_alone_finds_its_owner(directory: LegacyDirectory) -> None:
    assert directory.find("ada@legacy.example") == ADA
    assert directory.find("bob@legacy.example") is None


def test_a_table_that_does_not_answer_is_said_so(table: DynamoDBLegacyDirectory) -> None:
    with injected(down("GetItem")), pytest.raises(UnavailableError):
        table.sign_in("ada@legacy.example", "old secret")


@pytest.mark.parametrize(
    "odd",
    [
        {"name": {"S": "a\tb"}, "locale": {"S": "de_DE.UTF-8"}},
        {"name": {"S": ""}, "locale": {"S": "C"}},
        {"name": {"NULL": True}, "locale": {"N": "1"}},
    ],
)
def test_an_odd_user_of_the_table_is_one_all_the_same(
    table: DynamoDBLegacyDirectory, legacy_table: str, odd: dict[str, Any]
) -> None:
    hashed = bcrypt.hashpw(b"old secret", bcrypt.gensalt(4)).decode()
    item = {"email": {"S": "bob@legacy.example"}, "password_hash": {"S": hashed}, **odd}
    boto3.client("dynamodb").put_item(TableName=legacy_table, Item=item)

    found = table.sign_in("bob@legacy.example", "old secret")

    assert found is not None
    assert (found.email, found.name) == ("bob@legacy.example", None)
    assert table.find("bob@legacy.example") == found


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b"{}"),
        (403, b"{}"),
        (204, b""),
        (200, b""),
        (200, b"not json"),
        (200, b"[]"),
        (200, b'{"name": "Ada"}'),
        (200, b'{"email": "bob@legacy.example"}'),
        (200, b'{"email": "ada@legacy.example", "name": "' + b"x" * 20_000 + b'"}'),
        (302, b"{}"),
    ],
)
def test_an_answer_that_makes_no_sense_is_no_answer(
    http: HttpLegacyDirectory, server: OlderSystem, status: int, body: bytes
) -> None:
    server.status, server.body = status, body
    if status == 302:
        server.headers = {"location": server.url}

    with pytest.raises(UnavailableError):
        http.sign_in("ada@legacy.example", "old secret")

    assert server.asked == 1


@pytest.mark.parametrize("pieces", [1, 2, 7])
def test_an_answer_in_pieces_is_read_whole(
    http: HttpLegacyDirectory, server: OlderSystem, pieces: int
) -> None:
    server.pieces = pieces

    assert http.sign_in("ada@legacy.example", "old secret") == ADA
    assert http.find("ada@legacy.example") == ADA


def test_an_answer_in_pieces_is_bounded_too(http: HttpLegacyDirectory, server: OlderSystem) -> None:
    server.pieces = 30
    long = b'{"email": "ada@legacy.example", "name": "' + b"x" * 20_000 + b'"}'
    server.status, server.body = 200, long

    with pytest.raises(UnavailableError):
        http.sign_in("ada@legacy.example", "old secret")


@pytest.mark.parametrize("status", [400, 401, 404, 422])
def test_what_strangers_type_never_opens_the_circuit(
    http: HttpLegacyDirectory, server: OlderSystem, status: int
) -> None:
    """However the older system words that it is nobody's address or password."""
    server.status = status
    for _ in range(FAILURES + 3):
        assert http.sign_in("nobody@legacy.example", "\x00") is None
        assert http.find("nobody@legacy.example") is None
    server.status = 0

    assert http.sign_in("ada@legacy.example", "old secret") == ADA


def test_a_wrong_secret_is_a_failure_not_a_wrong_password(
    server: OlderSystem, platform_table: Table
) -> None:
    circuit = circuit_in(boto3.client("dynamodb"), platform_table.name)
    http = HttpLegacyDirectory(server.url, lambda: "another", circuit, total=0.5)

    with pytest.raises(UnavailableError):
        http.sign_in("ada@legacy.example", "old secret")
    with pytest.raises(UnavailableError):
        http.find("nobody@legacy.example")


def test_an_answer_that_only_drips_is_given_up_in_time(
    http: HttpLegacyDirectory, server: OlderSystem
) -> None:
    server.slow = True
    started = time.monotonic()

    with pytest.raises(UnavailableError):
        http.sign_in("ada@legacy.example", "old secret")

    assert time.monotonic() - started < 2


def test_after_failures_in_a_row_nobody_is_asked_for_a_while(
    http: HttpLegacyDirectory, server: OlderSystem
) -> None:
    server.status = 500
    for _ in range(FAILURES + 3):
        with pytest.raises(UnavailableError):
            http.sign_in("ada@legacy.example", "old secret")

    assert server.asked == FAILURES


def test_wrong_passwords_do_not_open_the_circuit(
    http: HttpLegacyDirectory, server: OlderSystem
) -> None:
    for _ in range(FAILURES + 3):
        assert http.sign_in("ada@legacy.example", "wrong") is None

    assert http.sign_in("ada@legacy.example", "old secret") == ADA
