"""How often a table asks again, and for how long: its own attempts, and nobody's beside them."""

import boto3
import pytest

from tenantry import bootstrap
from tenantry.errors import UnavailableError
from tenantry.identity.bootstrap import triggers
from tenantry.messaging.stamp import Stamp
from tenantry.persistence.table import Table
from tests.support.faults import down, injected, lose_answer, refused
from tests.support.things import made, thing_key

BUSY = ("ThrottlingException", "ProvisionedThroughputExceededException", "InternalServerError")


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def table(platform_table: Table, waits: list[float]) -> Table:
    """As the product has it, its waits the longest there are, and noted."""
    return Table(bootstrap.dynamodb(), platform_table.name, sleep=waits.append, jitter=lambda: 1.0)


@pytest.mark.parametrize("code", BUSY)
def test_a_busy_table_is_asked_eight_times_within_four_seconds(
    table: Table, waits: list[float], stamp: Stamp, code: str
) -> None:
    with injected(refused(code)) as calls, pytest.raises(UnavailableError):
        table.write(made(stamp))

    assert len(calls) == 8
    assert sum(waits) < 4


def test_a_table_that_is_not_heard_is_asked_four_times(table: Table, stamp: Stamp) -> None:
    with injected(down(services=["dynamodb"])) as calls, pytest.raises(UnavailableError):
        table.write(made(stamp))

    assert len(calls) == 4


def test_a_trigger_asks_twice_since_cognito_waits_five_seconds(
    platform_table: Table, monkeypatch: pytest.MonkeyPatch, stamp: Stamp
) -> None:
    for build in (triggers.dynamodb, triggers.platform_table, bootstrap.settings):
        build.cache_clear()
    monkeypatch.setenv("PLATFORM_TABLE", platform_table.name)

    with injected(down(services=["dynamodb"])) as calls, pytest.raises(UnavailableError):
        triggers.platform_table().write(made(stamp))

    assert len(calls) == 2


def test_a_write_whose_answer_was_lost_is_known_again(table: Table, stamp: Stamp) -> None:
    with injected(lose_answer()) as calls:
        table.write(made(stamp))

    assert len(calls) == 2
    assert table.get(thing_key()) is not None


def test_a_client_that_tries_again_too_multiplies_attempts(
    platform_table: Table, waits: list[float], stamp: Stamp
) -> None:
    """The twin: what the table's own client must not do."""
    client = boto3.client("dynamodb", config=bootstrap.CONFIG)
    table = Table(client, platform_table.name, sleep=waits.append)

    with injected(refused("ThrottlingException")) as calls, pytest.raises(UnavailableError):
        table.write(made(stamp))

    assert len(calls) > 8
