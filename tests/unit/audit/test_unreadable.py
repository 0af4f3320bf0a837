"""What cannot be read stops nobody, is not sealed, and is never passed over in silence."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tenantry.audit.verification import Kind, Verification
from tenantry.errors import CorruptDataError
from tests.support.fakes.table import InMemoryTable
from tests.support.sealing import DAY, MORNING, SealedLog, envelope

NEXT = DAY + timedelta(days=1)
THIRD = DAY + timedelta(days=2)

Harm = Callable[[dict[str, Any]], Any]
HARMS: dict[str, Harm] = {
    "no time": lambda item: item.pop("occurred_at"),
    "another time": lambda item: item.update(occurred_at="yesterday"),
    "a time out of range": lambda item: item.update(occurred_at="0001-01-01T00:00:00+14:00"),
    "a time as a number": lambda item: item.update(occurred_at=7),
    "no time of its arrival": lambda item: item.update(recorded_at="never"),
    "no actor": lambda item: item.pop("actor"),
    "an actor of another kind": lambda item: item.update(actor={"id": "ada", "kind": "ghost"}),
    "data that is none": lambda item: item.update(data="{}"),
    "bytes": lambda item: item.update(data={"number": b"\xff"}),
    "a set": lambda item: item.update(more={"a"}),
    "a version that is none": lambda item: item.update(entity_version="two"),
    "a name that is no part of a key": lambda item: item.update(entity_type="Organization#t-2"),
    "no name": lambda item: item.update(entity_id=""),
}


def items(log: SealedLog) -> dict[tuple[str, str], Any]:
    assert isinstance(log.table, InMemoryTable)
    return log.table.items


def place_of(log: SealedLog, number: int) -> tuple[str, str]:
    return next(p for p in items(log) if p[1].endswith(f"#e-{number:05}") and "#AUDIT#" in p[0])


def harmed(log: SealedLog, number: int, harm: Harm) -> tuple[str, str]:
    place = place_of(log, number)
    harm(items(log)[place])
    return place


def found(verified: Verification) -> list[tuple[Kind, str | None]]:
    return [(each.kind, each.event_id) for each in verified.findings]


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
def test_of_a_day_with_a_damaged_entry_the_rest_is_sealed_and_somebody_is_told(harm: Harm) -> None:
    log = SealedLog()
    log.record(*(envelope(n) for n in (1, 2, 3)))
    place = harmed(log, 2, harm)

    sealed = log.seal()

    assert (sealed.seals, sealed.entries, sealed.is_done) == (1, 2, True)
    [(tenant, what)] = log.aside
    assert tenant == "t-1"
    assert place[1] in what
    assert log.gaps >= 1, "its version is missing, which rings and asks the archive"
    assert len(log.archive.asked) == 1
    verified = log.verify()
    assert found(verified) == [(Kind.UNREADABLE, "e-00002")]
    assert (verified.is_verified, verified.entries) == (False, 2)


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
def test_an_entry_that_is_damaged_under_its_seal_is_altered(harm: Harm) -> None:
    log = SealedLog()
    log.record(*(envelope(n) for n in (1, 2, 3)))
    log.seal()
    harmed(log, 2, harm)

    assert found(log.verify()) == [(Kind.ALTERED, "e-00002")]


def test_before_its_seal_too_a_damaged_entry_is_no_proof() -> None:
    log = SealedLog()
    log.record(*(envelope(n) for n in (1, 2, 3)))
    harmed(log, 2, HARMS["no actor"])

    assert found(log.verify()) == [(Kind.UNREADABLE, "e-00002")]


def test_once_deleted_and_recorded_again_the_log_is_whole() -> None:
    log = SealedLog()
    log.record(*(envelope(n) for n in (1, 2, 3)))
    place = harmed(log, 2, HARMS["no time"])
    log.seal()

    del items(log)[place]
    log.record(envelope(2))  # what the archive replays
    log.seal(NEXT)
    log.seal(THIRD)

    verified = log.verify([DAY, NEXT, THIRD])
    assert (verified.findings, verified.entries) == ((), 3)
    assert len(log.aside) == 1


def test_a_late_entry_that_is_damaged_is_told_with_the_day_that_it_joined() -> None:
    log = SealedLog()
    log.record(envelope(1))
    log.seal()
    log.record(envelope(2), envelope(3, MORNING + timedelta(days=1)))
    harmed(log, 2, HARMS["no time of its arrival"])

    sealed = log.seal(NEXT)

    assert (sealed.seals, sealed.entries) == (1, 1)
    assert len(log.aside) == 1
    assert found(log.verify([DAY, NEXT])) == [(Kind.UNREADABLE, "e-00002")]


def test_a_day_with_nothing_but_damage_has_no_seal_and_the_chain_goes_on() -> None:
    log = SealedLog()
    log.record(envelope(1), envelope(2, MORNING + timedelta(days=1)))
    harmed(log, 1, HARMS["no time"])

    assert log.seal(NEXT).seals == 1

    assert len(log.aside) == 1
    assert found(log.verify([DAY, NEXT])) == [(Kind.UNREADABLE, "e-00001")]


@pytest.mark.parametrize("damaged", [(1, 2, 3), (3, 4), (9,)])
def test_a_day_of_several_seals_goes_on_behind_what_is_damaged(damaged: tuple[int, ...]) -> None:
    log = SealedLog()
    log.record(*(envelope(n) for n in range(1, 10)))
    for number in damaged:
        harmed(log, number, HARMS["no actor"])

    sealed = log.seal(most_entries=3)

    assert (sealed.entries, sealed.is_done) == (9 - len(damaged), True)
    assert len(log.aside) == len(damaged)
    assert {kind for kind, _ in found(log.verify())} == {Kind.UNREADABLE}


def test_another_organisation_is_not_held_up() -> None:
    log = SealedLog()
    log.record(envelope(1), envelope(1, tenant_id="t-2", entity_id="t-2", id="e-00077"))
    harmed(log, 1, HARMS["no time"])
    log.seal()

    assert log.seal(tenant_id="t-2").entries == 1


def test_a_damaged_ledger_keeps_nothing_from_its_seal() -> None:
    log = SealedLog()
    log.record(envelope(1))
    log.seal()
    ledger = next(place for place in items(log) if "#VERSIONS#" in place[0])
    items(log)[ledger]["lives"] = "none"
    moment = MORNING + timedelta(days=1)
    log.record(envelope(2, moment), envelope(1, moment, entity_type="Member", id="e-00044"))

    assert log.seal(NEXT).entries == 2

    assert log.aside == [("t-1", "versions cannot be counted: Organization t-1")]
    assert log.verify([DAY, NEXT]).is_verified


def test_a_damaged_item_of_an_entity_leaves_the_repair_to_the_archive() -> None:
    log = SealedLog()
    log.record(envelope(1), envelope(3))
    log.platform.put(
        {
            "PK": "ORG#t-1",
            "SK": "ORGANIZATION",
            "entity_type": "Organization",
            "entity_id": "t-1",
            "tenant_id": "t-1",
            "entity_version": 2,
            "events": [{"id": "e-2"}],
        }
    )

    log.seal()

    assert len(log.archive.asked) == 1


def test_a_chain_whose_position_is_damaged_is_not_proven_and_not_an_error() -> None:
    log = SealedLog()
    log.record(*(envelope(n) for n in (1, 2)))
    log.seal()
    position = next(place for place in items(log) if place[1] == "POSITION")
    items(log)[position]["sequence"] = "first"

    verified = log.verify()

    assert not verified.is_verified
    assert (Kind.UNREADABLE, None) in found(verified)


def test_marks_of_retention_that_are_damaged_are_not_proven_and_not_an_error() -> None:
    log = SealedLog()
    log.record(*(envelope(n) for n in (1, 2)))
    log.seal()
    del items(log)[place_of(log, 1)]

    def damaged(_tenant: str) -> str:
        raise CorruptDataError("how far entries have an end cannot be read")

    verified = log.verify(forgotten_through=damaged)

    assert found(verified) == [(Kind.UNREADABLE, None), (Kind.MISSING, "e-00001")]
