"""Sealing by the deployed handlers: whatever stops or is lost, one right chain (rows 11, 12)."""

import json
import random
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import boto3
import pytest

from tenantry.audit.bootstrap import recording, rounds, sealing, verifying
from tenantry.audit.bootstrap.seals import seals
from tenantry.audit.s3_seals import S3SealStore
from tenantry.bootstrap import CONFIG
from tenantry.messaging.stamp import Stamp
from tenantry.persistence.table import Table
from tests.integration.audit.conftest import Audit
from tests.integration.audit.sealers import DAY, NEXT, Sealers, heads, resources
from tests.support.capacity import measured
from tests.support.clock import FakeClock, FakeIds
from tests.support.faults import Stopped, injected, lose_answer, stop_after, stop_before
from tests.support.invocations import forget, wire
from tests.support.sealing import MORNING, envelope
from tests.support.streams import shuffled_with_duplicates
from tests.support.tables import fresh_table

WRITES = ("PutItem", "UpdateItem", "TransactWriteItems", "PutObject", "StartReplay", "SendMessage")


@pytest.fixture
def sealers(audit_table: Table, platform_table: Table, monkeypatch: pytest.MonkeyPatch) -> Sealers:
    return wired(audit_table, platform_table, monkeypatch)


def wired(table: Table, platform: Table, patch: pytest.MonkeyPatch) -> Sealers:
    clock = FakeClock(MORNING)

    def client(service: str) -> Any:
        return boto3.client(service, config=CONFIG)  # type: ignore[call-overload]

    environment = {
        **resources(client),
        "AUDIT_TABLE": table.name,
        "PLATFORM_TABLE": platform.name,
        "TENANT_DATA_ROLE_ARN": "arn:aws:iam::123456789012:role/tenant-data",
    }
    wire(patch, **environment)
    for module in (recording, rounds, sealing, verifying):
        patch.setattr(module, "now", clock)
    patch.setattr(sealing, "stamp", lambda: Stamp(now=clock, new_id=FakeIds("5e")))
    # Lambda gives a task fifteen minutes; the tests' context five seconds.
    patch.setattr("functions.audit.seal_days._TIME_OF_A_SEAL", 0)
    return Sealers(client, platform, table, clock, environment)


def story(sealers: Sealers) -> None:
    """Two days with a late event and a gap, ready to be sealed."""
    sealers.at(MORNING)
    sealers.record(*(envelope(n) for n in (1, 2, 4)))
    sealers.at(MORNING + timedelta(days=1))
    sealers.record(envelope(5), envelope(6, MORNING + timedelta(days=1)))
    sealers.over(NEXT)


def test_a_round_tells_of_each_organisation_once(sealers: Sealers) -> None:
    sealers.record(*(envelope(n, tenant_id=f"t-{n % 23}") for n in range(60)))
    sealers.over(DAY)

    assert [sealers.start(), sealers.start()] == [23, 0]

    told = [json.loads(body) for body in sealers.waiting()]
    assert sorted(task["tenant_id"] for task in told) == sorted(f"t-{n}" for n in range(23))
    assert {task["day"] for task in told} == {DAY.isoformat()}
    sealers.over(NEXT)
    assert sealers.start() == 23


def test_tasks_are_worked_off_into_seals(sealers: Sealers) -> None:
    story(sealers)
    sealers.start()

    assert sealers.work(*sealers.waiting()) == []

    said = [seal.statement for seal in sealers.seals()]
    assert [(each.day, each.entries) for each in said] == [(DAY, 3), (NEXT, 2)]
    assert said[1].previous == said[0].head
    assert seals().sealed_through("t-1") == NEXT


def test_what_is_no_task_comes_back(sealers: Sealers) -> None:
    sealers.over(DAY)

    assert sealers.work("{}", "x", '{"tenant_id": "t-1", "day": "2026-03-09"}') == [
        "m-0",
        "m-1",
        "m-2",
    ]


def test_a_task_that_runs_out_of_time_goes_back_into_the_queue(
    sealers: Sealers, monkeypatch: pytest.MonkeyPatch
) -> None:
    story(sealers)
    monkeypatch.setattr("functions.audit.seal_days._TIME_OF_A_SEAL", 10**9)

    assert sealers.seal() == []

    assert json.loads(sealers.waiting()[0]) == {
        "tenant_id": "t-1",
        "day": DAY.isoformat(),
        "has_looked": True,
    }


def test_a_gap_tells_its_event_and_asks_the_archive(sealers: Sealers) -> None:
    story(sealers)

    sealers.seal(NEXT)

    [gap] = sealers.platform.query("ORG#t-1", prefix="AUDIT_GAP#", limit=5).items
    assert [event["type"] for event in gap["events"]] == ["AuditGapFound"]
    [replay] = sealers.client("events").list_replays()["Replays"]
    assert replay["EventStartTime"] < envelope(3).occurred_at < replay["EventEndTime"]


def test_the_seals_are_encrypted_with_the_tenants_own_key(sealers: Sealers) -> None:
    sealers.record(envelope(1, tenant_id="t-2", data={"secret": "canary"}))
    story(sealers)
    sealers.seal(NEXT)
    sealers.seal(NEXT, "t-2")

    keys = [
        sealers.table.get({"PK": f"ORG#{tenant}#SEALS", "SK": "DATA_KEY"}) or {}
        for tenant in ("t-1", "t-2")
    ]
    assert keys[0]["wrapped"] != keys[1]["wrapped"]
    assert all("canary" not in seal.written.decode() for seal in sealers.seals())
    sealing.sealing_service().keys.destroy("t-2")
    audit = Audit(sealers.platform, sealers.table)
    audit.join("ada", "t-2")
    assert sealers.ask(organization="t-2")["error"]["code"] == "SHREDDED"


def test_the_sealed_log_is_verified_by_administrators(sealers: Sealers) -> None:
    story(sealers)
    sealers.seal(NEXT)
    audit = Audit(sealers.platform, sealers.table)
    audit.join("ada", role="ADMIN")

    told = sealers.ask()["data"]

    assert told == {
        "verified": True,
        "through": "2026-03-04",
        "sealedThrough": "2026-03-03",
        "seals": 2,
        "entries": 5,
        "unsealed": 0,
        "expired": 0,
        "findingCount": 0,
        "findings": [],
        "nextCursor": None,
    }


def test_a_flipped_byte_in_an_entry_is_told(sealers: Sealers) -> None:
    story(sealers)
    sealers.seal(NEXT)
    Audit(sealers.platform, sealers.table).join("ada", role="ADMIN")
    [first, *_] = sealers.table.query("ORG#t-1#AUDIT#2026-03", limit=1).items
    sealers.table.put({**first, "type": "OrganizationUpdatee"})

    told = sealers.ask()["data"]

    assert not told["verified"]
    assert told["findings"] == [
        {
            "kind": "ALTERED",
            "day": "2026-03-02",
            "eventId": first["event_id"],
            "message": "the entry was changed",
        }
    ]


@pytest.mark.parametrize("role", ["MANAGER", "MEMBER", "VIEWER"])
def test_others_do_not_verify(sealers: Sealers, role: str) -> None:
    Audit(sealers.platform, sealers.table).join("ada", role=role)

    assert sealers.ask()["error"]["code"] == "FORBIDDEN"


def test_another_organisations_log_is_not_verified(sealers: Sealers) -> None:
    audit = Audit(sealers.platform, sealers.table)
    audit.join("ada", "t-1", role="ADMIN")
    audit.join("eve", "t-2", role="ADMIN")
    story(sealers)
    sealers.seal(NEXT)

    assert sealers.ask("eve", "t-1")["error"]["code"] == "NOT_A_MEMBER"
    assert sealers.ask("eve", "t-2")["data"]["entries"] == 0


def calls_of_a_run(sealers: Sealers, day: date) -> int:
    with injected() as calls:
        assert sealers.seal(day) == []
    return len(calls)


def test_stopped_before_or_after_any_call_a_task_that_comes_again_ends_in_the_same_chain(
    moto: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run on tables of its own; the reference has no fault."""
    expected, count = reference(monkeypatch, DAY)
    assert count >= 15

    for stop in (stop_before, stop_after):
        for at in range(1, count + 1):
            sealers = fresh(monkeypatch)
            story(sealers)
            with injected(stop(at)), pytest.raises(Stopped):
                sealers.seal(DAY)
            wire(monkeypatch, **sealers.environment)  # a new process

            assert sealers.seal(DAY) == [], (stop.__name__, at)

            assert heads(sealers.seals()) == expected, (stop.__name__, at)
            assert seals().sealed_through("t-1") == DAY
            gaps = sealers.platform.query("ORG#t-1", prefix="AUDIT_GAP#", limit=5).items
            assert len(gaps) == 1, (stop.__name__, at)


def test_whatever_answer_is_lost_the_chain_is_the_same(
    moto: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, _ = reference(monkeypatch, NEXT)
    sealers = fresh(monkeypatch)
    story(sealers)
    with injected() as calls:
        sealers.seal(NEXT)
    writes = len(calls.of(*WRITES))
    assert writes >= 8

    for at in range(1, writes + 1):
        sealers = fresh(monkeypatch)
        story(sealers)
        with injected(lose_answer(at, operations=WRITES)):
            failed = sealers.seal(NEXT)
        if failed:  # what the queue brings again
            assert sealers.seal(NEXT) == []

        assert heads(sealers.seals()) == expected, at
        assert seals().sealed_through("t-1") == NEXT


def fresh(patch: pytest.MonkeyPatch) -> Sealers:
    client = boto3.client("dynamodb", config=CONFIG)
    return wired(fresh_table(client, "audit"), fresh_table(client, "platform"), patch)


def reference(patch: pytest.MonkeyPatch, day: date) -> tuple[list[tuple[int, str]], int]:
    sealers = fresh(patch)
    story(sealers)
    count = calls_of_a_run(sealers, day)
    return heads(sealers.seals()), count


def test_were_the_bookkeeping_before_the_seal_a_stop_between_would_lose_a_day(
    moto: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of the stops above: a seal that is recorded and then not put is never made."""
    put: Callable[..., Any] = S3SealStore.put
    monkeypatch.setattr(S3SealStore, "put", lambda _self, seal: seal)
    sealers = fresh(monkeypatch)
    story(sealers)
    sealers.seal(NEXT)
    monkeypatch.setattr(S3SealStore, "put", put)
    forget()

    sealers.seal(NEXT)

    assert sealers.seals() == []


def ten_events_on(sealers: Sealers, day: date) -> None:
    """One entity's, without a gap, on a day that is then over."""
    moment = MORNING + (day - DAY)
    sealers.at(moment)
    sealers.record(*(envelope(n, moment, entity_id="m-1") for n in range(1, 11)))
    sealers.over(day)


def test_what_sealing_costs(sealers: Sealers) -> None:
    """As docs/operations.md says: a day of an organisation, and one on which nothing happened."""
    ten_events_on(sealers, DAY)
    sealers.seal(DAY)  # the tenant's key is made, and days before there was anything are passed
    ten_events_on(sealers, NEXT)

    with measured(sealers.table._client) as busy:
        sealers.seal(NEXT)
    sealers.over(NEXT + timedelta(days=1))
    with measured(sealers.table._client) as quiet:
        sealers.seal(NEXT + timedelta(days=1))

    assert sorted(busy.operations) == sorted(
        [
            *("GetItem", "GetItem", "Query", "Query", "Query", "Query"),
            *("BatchGetItem", "UpdateItem", "TransactWriteItems"),
            *("GetItem", "Decrypt", "Sign", "PutObject"),
        ]
    )
    # The ledger of one entity; the record and the position.
    assert (busy.write_units, busy.index_write_units) == (1 + 4, 0)
    assert busy.read_units == 6 + 1 + 1 + 1  # the ledger, the data key, a second page of 4 KB
    assert sorted(quiet.operations) == ["GetItem", "GetItem", *["Query"] * 4, "UpdateItem"]
    assert (quiet.read_units, quiet.write_units, quiet.index_write_units) == (6, 1, 0)


def test_what_verifying_costs(sealers: Sealers, audit: Audit) -> None:
    """As docs/operations.md says, of a process that has the tenant's credentials and the key."""
    audit.join("ada", role="ADMIN")
    ten_events_on(sealers, DAY)
    sealers.seal(DAY)
    sealers.over(NEXT)
    sealers.seal(NEXT)
    days = [{"from": f"{day}T00:00:00Z", "to": f"{day}T23:00:00Z"} for day in (DAY, NEXT)]

    with measured(sealers.table._client) as first:
        sealers.ask(**days[0])
    with measured(sealers.table._client) as busy:
        assert sealers.ask(**days[0])["data"]["entries"] == 10
    with measured(sealers.table._client) as quiet:
        assert sealers.ask(**days[1])["data"]["seals"] == 0

    reads = ["BatchGetItem", "GetItem", "GetItem", "ListObjectsV2", "Query", "Query", "Query"]
    assert sorted(quiet.operations) == reads
    assert (quiet.read_units, quiet.write_units) == (7, 0)
    a_seal = ["GetObject", "GetItem", "Decrypt", "Query"]
    assert sorted(busy.operations) == sorted([*reads, *a_seal])
    assert (busy.read_units, busy.write_units) == (8 + 2, 0)  # ten entries are less than 8 KB
    once = ["AssumeRole", "GetPublicKey"]
    assert sorted(first.operations) == sorted([*reads, *a_seal, *once])


def rotated(sealers: Sealers, patch: pytest.MonkeyPatch, *retired: str) -> None:
    """A day sealed by a key, the next one by another, as a deployment with new parameters would."""
    story(sealers)
    sealers.seal(DAY)
    later = sealers.client("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    wire(patch, SEAL_SIGNING_KEY_ARN=later["KeyMetadata"]["Arn"])
    patch.setenv("RETIRED_SEAL_KEY_ARNS", ",".join(retired))
    assert sealers.seal(NEXT) == []


def test_what_an_earlier_key_sealed_is_trusted_while_the_key_is_listed(
    sealers: Sealers, audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit.join("ada")
    first = sealers.environment["SEAL_SIGNING_KEY_ARN"]
    rotated(sealers, monkeypatch, "arn:aws:kms:eu-central-1:123456789012:key/gone", first)

    verified = sealers.ask()["data"]

    said = [seal.statement.key_id for seal in sealers.seals()]
    assert (len(said), said[0]) == (2, first)
    assert said[1] != first
    assert (verified["verified"], verified["seals"], verified["entries"]) == (True, 2, 5), verified


def test_what_a_key_sealed_that_is_not_listed_is_forged(
    sealers: Sealers, audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit.join("ada")
    rotated(sealers, monkeypatch)

    verified = sealers.ask()["data"]

    assert [(found["kind"], found["day"]) for found in verified["findings"]] == [
        ("FORGED", DAY.isoformat())
    ]


def test_a_seal_that_an_earlier_key_signed_before_a_stop_is_taken_over(
    sealers: Sealers, audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was put and not recorded when the key was rotated: it is the day's seal all the same."""
    audit.join("ada")
    story(sealers)
    first = sealers.environment["SEAL_SIGNING_KEY_ARN"]
    with injected(stop_before(1, frozenset({"TransactWriteItems"}))), pytest.raises(Stopped):
        sealers.seal(DAY)
    assert len(sealers.seals()) == 1

    rotated(sealers, monkeypatch, first)

    assert sealers.ask()["data"]["verified"]


def test_the_order_of_arrival_does_not_change_the_chain(
    moto: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected: list[Any] = []
    for seed in range(3):
        sealers = fresh(monkeypatch)
        dice = random.Random(seed)
        sealers.record(
            *shuffled_with_duplicates([envelope(n) for n in range(1, 60)], 5, dice.randint)
        )
        sealers.over(DAY)
        sealers.seal()
        expected.append(heads(sealers.seals()))

    assert expected[0] == expected[1] == expected[2]
