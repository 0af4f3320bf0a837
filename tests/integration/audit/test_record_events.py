"""Every event ends in the audit log, whatever happens on the way (rows 11, 12, 13)."""

import json
import random
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from functions.audit import record_events
from tenantry.audit.dynamodb import DynamoDBAuditLog
from tenantry.audit.dynamodb_seals import DynamoDBSealedOrganizations
from tenantry.audit.model import PEOPLE, Entry
from tenantry.audit.repository import AuditLog
from tenantry.audit.service import RecordingService
from tenantry.messaging.event import Envelope
from tenantry.persistence.table import Table
from tenantry.runtime.observability import logger
from tests.integration.audit.conftest import Audit, bodies, envelope
from tests.support.capacity import measured
from tests.support.clock import START
from tests.support.fakes.audit import InMemoryAudit
from tests.support.fakes.seals import InMemoryOrganizations
from tests.support.faults import (
    Stopped,
    injected,
    lose_answer,
    lose_answers,
    refused,
    stop_after,
    stop_before,
)
from tests.support.invocations import ACCOUNT, bus_event, forget, queue_event
from tests.support.lambda_context import lambda_context
from tests.support.streams import shuffled_with_duplicates
from tests.support.tables import items


def batches(messages: list[str], of: int = 10) -> list[list[str]]:
    return [messages[start : start + of] for start in range(0, len(messages), of)]


def many(count: int) -> list[Envelope]:
    """Events of 20 organisations and of users without one, over ten months."""
    return [
        envelope(
            number,
            START + timedelta(hours=number * 3.7),
            tenant_id=f"t-{number % 21}" if number % 21 else None,
            entity_id=f"u-{number % 5}",
        )
        for number in range(count)
    ]


def recording(log: AuditLog) -> RecordingService:
    return RecordingService(log, InMemoryOrganizations(), now=lambda: START)


def reference(events: list[Envelope]) -> dict[tuple[str | None, str], Entry]:
    """The log as it has to be: each event once, at its own place, and what is no organisation's in
    the platform's log of its people too."""
    entries = [Entry.of(each, START) for each in events]
    entries += [people for each in entries if (people := each.of_people())]
    return {(entry.tenant_id, entry.position): entry for entry in entries}


def test_an_event_is_kept_whole_and_with_nothing_that_publishes_it(audit: Audit) -> None:
    assert audit.deliver(*bodies(envelope(7))) == []

    [item] = audit.stored()
    assert item["PK"] == {"S": "ORG#t-1#AUDIT#2026-03"}
    assert item["SK"] == {"S": "2026-03-02T09:00:00.000000Z#e-00007"}
    assert item["GSI1PK"] == {"S": "ORG#t-1#ACTOR#ada"}
    assert item["GSI2PK"] == {"S": "ORG#t-1#TYPE#OrganizationUpdated"}
    assert item["GSI3PK"] == {"S": "ORG#t-1#ENTITY#t-1"}
    assert item["GSI1SK"] == item["GSI2SK"] == item["GSI3SK"] == item["SK"]
    assert item["data"] == {"M": {"number": {"N": "7"}}}
    assert "events" not in item


def test_what_happens_to_a_user_alone_is_kept_under_the_user(audit: Audit) -> None:
    audit.deliver(*bodies(envelope(1, tenant_id=None, entity_type="User", entity_id="ada")))

    platforms, item = sorted(audit.stored(), key=lambda each: each["PK"]["S"])
    assert item["PK"] == {"S": "USER#ada#AUDIT#2026-03"}
    assert item["GSI1PK"]["S"].startswith("USER#ada#")
    # The platform's own has it too, and is sealed as an organisation's is.
    tenant_id = platforms["tenant_id"]["S"]
    assert tenant_id in PEOPLE
    assert platforms["PK"] == {"S": f"ORG#{tenant_id}#AUDIT#2026-03"}
    assert DynamoDBSealedOrganizations(audit.table).since(tenant_id)


def test_recording_is_one_conditional_write(audit: Audit) -> None:
    audit.deliver(*bodies(envelope(0)))  # that the organisation has a log is told once a process
    with measured(audit.table._client) as cost:
        audit.deliver(*bodies(envelope(1)))

    assert cost.operations == ["PutItem"]
    assert (cost.read_units, cost.write_units, cost.index_write_units) == (0, 1, 3)


def test_what_recording_an_event_of_a_user_costs(audit: Audit) -> None:
    of_user: dict[str, Any] = {"tenant_id": None, "entity_type": "User", "entity_id": "ada"}
    audit.deliver(*bodies(envelope(0, **of_user)))
    with measured(audit.table._client) as cost:
        audit.deliver(*bodies(envelope(1, **of_user)))

    assert cost.operations == ["PutItem", "PutItem"]
    assert (cost.read_units, cost.write_units, cost.index_write_units) == (0, 2, 6)


def test_events_repeated_and_in_disorder_are_each_kept_once(audit: Audit) -> None:
    events = many(400)
    dice = random.Random(13)
    messages = list(shuffled_with_duplicates(bodies(*events), 2, dice.randint))

    failed = [audit.deliver(*batch) for batch in batches(messages)]

    assert not any(failed)
    assert [item["event_id"]["S"] for item in audit.stored()] == [
        each.event_id
        for each in sorted(
            reference(events).values(),
            key=lambda entry: (
                f"ORG#{entry.tenant_id}#AUDIT#{entry.month}"
                if entry.tenant_id
                else f"USER#{entry.entity_id}#AUDIT#{entry.month}",
                entry.position,
            ),
        )
    ]


SEEDS = range(20)


def delivered(log: InMemoryAudit, seed: int, patch: pytest.MonkeyPatch) -> list[Envelope]:
    """2,000 events, each 1 to 5 times, shuffled, through the handler and into `log`."""
    patch.setattr(record_events, "recording_service", lambda: recording(log))
    patch.setenv("PLATFORM_ACCOUNT_ID", ACCOUNT)
    # Some 6,000 messages a seed: what is logged of each is shown elsewhere.
    patch.setattr(logger._logger, "disabled", True)
    events, dice = many(2000), random.Random(seed)
    messages = list(shuffled_with_duplicates(bodies(*events), 5, dice.randint))
    for batch in batches(messages, of=1000):
        answer = record_events.handler(queue_event(batch), lambda_context())
        assert answer == {"batchItemFailures": []}
    return events


@pytest.mark.parametrize("seed", SEEDS)
def test_2000_events_in_any_order_and_number_make_the_same_log(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Into the log in memory, which the contract holds equal to the table."""
    log = InMemoryAudit()

    events = delivered(log, seed, monkeypatch)

    assert log.entries == reference(events), f"seed {seed}"


class Forgetful(InMemoryAudit):
    """Keeps whatever comes, as often as it comes."""

    def add(self, entry: Entry) -> bool:
        self.entries[entry.tenant_id, f"{entry.position}#{len(self.entries)}"] = entry
        return True


def test_a_log_that_did_not_know_its_entries_would_hold_them_several_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The twin of the test above."""
    log = Forgetful()

    events = delivered(log, 0, monkeypatch)

    assert log.entries != reference(events)
    assert len(log.entries) > 2 * len(events)


def recorded_at_once(table: Table) -> tuple[list[Envelope], list[bool]]:
    """300 events, each 1 to 3 times, shuffled, by eight consumers at once; what each was told."""
    service, events = recording(DynamoDBAuditLog(table)), many(300)
    dice = random.Random(13)
    with ThreadPoolExecutor(8) as pool:
        copies = shuffled_with_duplicates(events, 3, dice.randint)
        return events, list(pool.map(service.record, copies))


def test_consumers_at_once_keep_each_event_once(ministack_audit_table: Table) -> None:
    events, was_new = recorded_at_once(ministack_audit_table)

    stored = items(ministack_audit_table._client, ministack_audit_table.name)
    assert (sum(was_new), len(stored)) == (len(events), len(reference(events)))
    assert {item["event_id"]["S"] for item in stored} == {event.id for event in events}


def test_consumers_that_do_not_ask_what_is_there_would_count_events_twice(
    ministack_audit_table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of the test above."""
    monkeypatch.setattr(Table, "add", lambda self, item: self.put(item) is None)

    events, was_new = recorded_at_once(ministack_audit_table)

    assert sum(was_new) > len(events)


def test_a_log_that_took_the_last_word_would_depend_on_order(audit: Audit) -> None:
    """The twin: were entries put unconditionally, a forged repetition would overwrite the first."""
    first, forged = envelope(1), envelope(1, data={"forged": True})
    audit.deliver(*bodies(first))
    audit.deliver(*bodies(forged))
    assert audit.stored()[0]["data"] == {"M": {"number": {"N": "1"}}}

    audit.table.put({**_key(audit), "data": {"forged": True}})

    assert audit.stored()[0]["data"] == {"M": {"forged": {"BOOL": True}}}


def _key(audit: Audit) -> dict[str, Any]:
    [item] = audit.stored()
    return {"PK": item["PK"]["S"], "SK": item["SK"]["S"]}


@pytest.mark.parametrize(
    "message",
    [
        "",
        "x",
        "{}",
        "[]",
        "null",
        json.dumps({"detail": {}}),
        json.dumps({**bus_event(envelope(1)), "detail-type": "Other"}),
        json.dumps({**bus_event(envelope(1)), "source": "tenantry.billing"}),
        json.dumps(bus_event(envelope(1), account="111111111111")),
        json.dumps(bus_event(envelope(1, tenant_id="t-1#AUDIT"))),
        json.dumps(bus_event(envelope(1, entity_id=""))),
    ],
)
def test_what_is_no_event_of_the_platform_comes_back_alone(audit: Audit, message: str) -> None:
    good = bodies(envelope(2), envelope(3))

    assert audit.deliver(good[0], message, good[1]) == ["m-1"]

    assert [item["event_id"]["S"] for item in audit.stored()] == ["e-00002", "e-00003"]


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_write_whose_answer_is_lost_is_one_entry(audit: Audit, at: int) -> None:
    with injected(lose_answer(at=at)):
        failed = audit.deliver(*bodies(*(envelope(number) for number in range(3))))

    assert failed == []
    assert len(audit.stored()) == 3


@pytest.mark.parametrize("stop", [stop_before, stop_after])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_stopped_anywhere_a_batch_that_comes_again_is_kept_whole(
    audit: Audit, stop: Callable[[int], Any], at: int
) -> None:
    batch = bodies(*(envelope(number) for number in range(3)))
    with injected(stop(at)), pytest.raises(Stopped):
        audit.deliver(*batch)
    forget()

    assert audit.deliver(*batch) == []
    assert len(audit.stored()) == 3


def test_a_consumer_that_survived_its_end_would_lose_an_event(
    audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of the test above: a message is answered as done before it is."""
    original = record_events._record

    def careless(envelope: Envelope) -> None:
        with suppress(Stopped):
            original(envelope)

    monkeypatch.setattr(record_events, "_record", careless)
    batch = bodies(*(envelope(number) for number in range(3)))

    with injected(stop_before(2)):
        assert audit.deliver(*batch) == []

    assert len(audit.stored()) == 2


def test_through_faults_of_every_kind_nothing_is_lost(audit: Audit) -> None:
    events = many(150)
    waiting = bodies(*events)
    faults = (
        lose_answers(0.02, seed=1),
        refused("ThrottlingException", "PutItem", share=0.1, seed=2),
    )

    with injected(*faults):
        for _ in range(5):
            failed = []
            for batch in batches(waiting):
                again = set(audit.deliver(*batch))
                failed += [body for n, body in enumerate(batch) if f"m-{n}" in again]
            waiting = failed

    assert waiting == []
    assert len(audit.stored()) == len(reference(events))


def test_every_line_of_the_log_names_whose_event_it_was(
    audit: Audit, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logger.registered_handler, "stream", sys.stdout)

    audit.deliver(*bodies(envelope(1)))

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [line] = [line for line in lines if line.get("message") == "consumed"]
    assert (line["tenant_id"], line["user_id"]) == ("t-1", "ada")
    assert (line["correlation_id"], line["event_id"]) == ("c-1", "e-00001")
    [counted] = [line for line in lines if "EventsRecorded" in line]
    assert counted["EventsRecorded"] == [1.0]
