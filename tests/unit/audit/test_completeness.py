"""Versions without a gap: what is missing is found, told, and filled from item or archive."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenantry.audit.completeness import LOOKED_AT, Ledger, Seen
from tenantry.audit.dynamodb_seals import DynamoDBChains
from tenantry.audit.model import PEOPLE
from tenantry.audit.sealing import Completeness, SealTask
from tenantry.errors import UnavailableError
from tenantry.messaging.changes import envelopes
from tenantry.messaging.event import Envelope, Event
from tenantry.persistence.items import to_wire
from tenantry.persistence.keys import key
from tests.support.sealing import DAY, MORNING, SealedLog, envelope
from tests.support.streams import shuffled_with_duplicates

NEXT = DAY + timedelta(days=1)


def at(minutes: float) -> datetime:
    return MORNING + timedelta(minutes=minutes)


def ledger(*seen: tuple[int, float]) -> Ledger:
    return Ledger().seen([Seen(version, at(minutes)) for version, minutes in seen])


def missing(of: Ledger) -> list[int]:
    return [version for _, version in of.missing]


def told(log: SealedLog) -> list[tuple[str, int]]:
    """The events of gaps, as the stream of the platform table publishes them."""
    items = getattr(log.platform, "items").values()  # noqa: B009 - of the table in memory
    found = [
        event
        for item in items
        if item.get("entity_type") == "AuditGap"
        for event in envelopes({"eventName": "INSERT", "dynamodb": {"NewImage": to_wire(item)}})
    ]
    return sorted((event.type, int(str(event.data["missing_version"]))) for event in found)


def test_versions_without_a_gap_miss_nothing() -> None:
    assert missing(ledger((1, 0), (2, 5), (3, 9))) == []


def test_versions_between_are_missing() -> None:
    assert missing(ledger((1, 0), (4, 5), (6, 9))) == [2, 3, 5]


def test_an_entity_that_begins_in_the_middle_misses_its_beginning() -> None:
    assert missing(ledger((3, 0))) == [1, 2]


def test_a_beginning_that_comes_later_is_of_the_same_life() -> None:
    later = ledger((3, 10)).seen([Seen(2, at(5)), Seen(1, at(0))])

    assert missing(later) == []
    assert len(later.lives) == 1


def test_several_events_of_one_write_are_one_version() -> None:
    assert missing(ledger((1, 0), (1, 0.001), (2, 5), (2, 5.001))) == []


def test_an_item_that_is_made_anew_has_another_life() -> None:
    again = ledger((1, 0), (2, 5), (3, 9), (1, 6000), (3, 6009))

    assert missing(again) == [2]
    assert [life.through for life in again.lives] == [3, 1]


def test_a_late_version_of_an_earlier_life_belongs_there() -> None:
    again = ledger((1, 0), (3, 9), (1, 6000), (2, 6005)).seen([Seen(2, at(5))])

    assert missing(again) == []


@given(
    st.lists(st.integers(1, 12), min_size=1, max_size=3),
    st.sets(st.tuples(st.integers(0, 2), st.integers(1, 12)), max_size=8),
    st.integers(0, 10**6),
)
@settings(max_examples=150)
def test_whatever_the_order_exactly_what_is_lost_is_missing(
    lengths: list[int], lost: set[tuple[int, int]], seed: int
) -> None:
    """Lives that begin with a version that was seen, sealed day by day in order."""
    dice = random.Random(seed)
    known, expected = Ledger(), 0
    for life, length in enumerate(lengths):
        versions = [v for v in range(1, length + 1) if v == 1 or (life, v) not in lost]
        seen = [Seen(v, at(life * 10_000 + v * 5)) for v in versions]
        dice.shuffle(seen)
        for _ in range(2):
            known = known.seen(seen)
        expected += max(versions) - len(versions)

    assert len(known.missing) == expected


@pytest.mark.parametrize("far", [10**6, 10**18, 10**37])
def test_a_version_that_leaps_ahead_is_told_of_in_bounds(far: int) -> None:
    """Whatever number an event names: a hundred gaps are one and the same trouble."""
    log = SealedLog()
    log.record(envelope(1), envelope(2, entity_version=far))

    log.seal()

    assert [version for _, version in told(log)] == list(range(2, 102))
    assert log.gaps >= 100
    assert log.verify().is_verified, "what was told is there; what is missing rings"


def run(log: SealedLog, *numbers: int, **more: Any) -> None:
    log.record(*(envelope(n, **more) for n in numbers))


def test_a_gap_is_told_once_with_a_metric_and_an_event() -> None:
    log = SealedLog()
    run(log, 1, 2, 4, 7)

    entries = log.sealing().chains.entries("t-1", DAY, None, 10)
    log.completeness.check("t-1", entries)
    log.completeness.check("t-1", entries)

    assert told(log) == [("AuditGapFound", n) for n in (3, 5, 6)]
    assert log.gaps == 3


def test_events_in_disorder_and_doubled_make_no_gap() -> None:
    log, dice = SealedLog(), random.Random(13)
    log.record(*shuffled_with_duplicates([envelope(n) for n in range(1, 60)], 5, dice.randint))

    log.seal(most_entries=10)

    assert (told(log), log.gaps) == ([], 0)


def test_what_concerns_a_user_is_told_in_part_and_makes_no_gap() -> None:
    log = SealedLog()
    run(log, 1, 9, entity_type="User", entity_id="ada")

    log.seal()

    assert told(log) == []


def test_what_is_missing_of_an_account_is_a_gap_and_filled_from_its_item() -> None:
    log = SealedLog()
    of_an_account = {"entity_type": "Account", "entity_id": "a-1"}
    run(log, 1, 3, **of_an_account)
    stamped(log, 2, "ACCOUNT#a-1", "ACCOUNT", **of_an_account)

    log.seal()
    log.seal(NEXT)

    assert told(log) == [("AuditGapRepaired", 2)]
    assert log.gaps == 1
    assert log.archive.asked == []


def test_another_organisations_item_fills_nothing() -> None:
    """An account's item lies in a partition of its own: what says whose it is, is the item."""
    log = SealedLog()
    of_an_account = {"entity_type": "Account", "entity_id": "a-1"}
    run(log, 1, 3, **of_an_account)
    stamped(log, 2, "ACCOUNT#a-1", "ACCOUNT", tenant_id="t-2", **of_an_account)

    log.seal()

    assert told(log) == [("AuditGapFound", 2)]
    assert len(log.archive.asked) == 1


def test_entities_of_one_id_and_two_types_are_two() -> None:
    log = SealedLog()
    run(log, 1, 2)
    log.record(*(envelope(n + 10, entity_type="Subscription", entity_version=n) for n in (1, 2)))

    log.seal()

    assert told(log) == []


def stamped(
    log: SealedLog, version: int, pk: str = "ORG#t-1", sk: str = "ORGANIZATION", **more: Any
) -> None:
    """The entity's item, as the write of its latest version left it."""
    event = envelope(version, **more)
    fields = {"tenant_id", "entity_type", "entity_id", "entity_version"}
    log.platform.put(
        {
            "PK": pk,
            "SK": sk,
            **event.model_dump(include=fields),
            "events": [event.model_dump(mode="json", exclude=fields, exclude_none=True)],
        }
    )


def test_a_gap_is_filled_from_the_item_and_then_repaired() -> None:
    log = SealedLog()
    run(log, 1, 3)
    stamped(log, 2)  # read while 2 was the latest version, and 3 came since: as if it stood still

    log.seal()
    log.seal(NEXT)

    # Found twice: by what the item tells, and by the version that came after it.
    assert set(told(log)) == {("AuditGapRepaired", 2)}
    assert log.archive.asked == []
    verified = log.verify([DAY, NEXT])
    assert (verified.findings, verified.entries) == ((), 3)


def test_an_item_of_another_version_or_another_time_fills_nothing() -> None:
    log = SealedLog()
    run(log, 1, 3)
    stamped(log, 3)

    log.seal()

    assert told(log) == [("AuditGapFound", 2)]
    assert len(log.archive.asked) == 1


def test_a_gap_is_filled_from_the_archive_and_then_repaired() -> None:
    log = SealedLog()
    run(log, 1, 2, 5)

    log.seal()
    [(name, start, end)] = log.archive.asked
    assert start < envelope(3).occurred_at < envelope(4).occurred_at < end
    run(log, 1, 2, 3, 4, 5)  # what the archive replays
    log.seal(NEXT)

    assert told(log) == [("AuditGapRepaired", 3), ("AuditGapRepaired", 4)]
    assert log.archive.asked == [(name, start, end)]
    assert log.verify([DAY, NEXT]).entries == 5


def test_a_gap_that_stays_is_asked_for_again_every_day() -> None:
    log = SealedLog()
    run(log, 1, 3)

    log.seal()
    log.seal(NEXT)
    log.seal(NEXT + timedelta(days=1))

    assert len({name for name, _, _ in log.archive.asked}) == 3
    assert told(log) == [("AuditGapFound", 2)]
    assert log.gaps == 1 + 3, "found, and still open on each of three days"


@pytest.mark.parametrize("attempts", [1, 3])
def test_a_ledger_that_another_sealer_wrote_meanwhile_is_read_again(attempts: int) -> None:
    log = SealedLog()
    run(log, 1, 2)
    service = log.completeness
    entries = log.sealing().chains.entries("t-1", DAY, None, 10)
    save, left = service.ledgers.save, [attempts]

    def contended(*given: Any) -> bool:
        if left[0]:
            left[0] -= 1
            save(*given)
            return False
        return save(*given)

    service.ledgers.save = contended  # type: ignore[method-assign,assignment]
    service.check("t-1", entries)

    assert told(log) == []


# an entity's latest version


def entity(number: int, moment: datetime, *, version: int = 1, **more: Any) -> dict[str, Any]:
    """A member as it is stored, with the event of its latest version."""
    event = envelope(number, moment, entity_type="Member", entity_id=f"m-{number:03}")
    return {
        **key("ORG#t-1", f"MEMBER#m-{number:03}"),
        "entity_type": "Member",
        "entity_id": f"m-{number:03}",
        "tenant_id": "t-1",
        "entity_version": version,
        "events": [Event.model_validate(event.model_dump()).stored()],
        **more,
    }


def of(item: dict[str, Any]) -> list[Envelope]:
    return envelopes({"eventName": "INSERT", "dynamodb": {"NewImage": to_wire(item)}})


def ids(log: SealedLog) -> set[str]:
    items = getattr(log.table, "items")  # noqa: B009 - of the table in memory
    return {sk.rpartition("#")[2] for pk, sk in items if pk.startswith("ORG#t-1#AUDIT#")}


def test_a_lost_latest_event_is_told_and_recorded_before_the_day_is_sealed() -> None:
    log = SealedLog()
    known, lost = entity(3, MORNING), entity(2, MORNING)
    for item in (known, lost):
        log.platform.put(item)
    log.record(envelope(1), *of(known))

    log.seal()

    assert "e-00002" in ids(log)
    assert told(log) == [("AuditGapRepaired", 1)]
    assert log.gaps == 1
    log.seal(NEXT)
    verified = log.verify((DAY, NEXT))
    assert (verified.findings, verified.entries) == ((), 3), "it is in the seal of the next day"
    assert log.gaps == 1


def test_what_is_in_the_log_is_told_of_by_nobody() -> None:
    log = SealedLog()
    for number in range(2, 250):
        item = entity(number, MORNING)
        log.platform.put(item)
        log.record(*of(item))

    log.seal()

    assert (log.gaps, told(log), log.aside) == (0, [], [])


def test_what_may_still_come_by_itself_is_waited_for() -> None:
    log = SealedLog()
    log.record(envelope(1))
    log.platform.put(entity(3, MORNING + timedelta(hours=17)))  # half an hour old

    log.seal()
    assert (log.gaps, "e-00003" in ids(log)) == (0, False)
    log.seal(NEXT)
    assert (log.gaps, "e-00003" in ids(log)) == (1, True)


def test_of_two_events_of_a_version_the_lost_one_is_recorded() -> None:
    log = SealedLog()
    both = entity(3, MORNING)
    both["events"] = [*both["events"], *entity(2, MORNING)["events"]]
    log.platform.put(both)
    log.record(envelope(1), of(both)[0])

    log.seal()

    assert (log.gaps, {"e-00003", "e-00002"} - ids(log)) == (1, set())


def test_an_account_is_found_by_who_holds_the_organisation() -> None:
    log = SealedLog()
    log.record(envelope(1))
    held = {"entity_type": "AccountReservation", "account_id": "a-1", "status": "HELD"}
    log.platform.put({**key("ORG#t-1", "ACCOUNT"), **held})
    account = {**entity(3, MORNING), **key("ACCOUNT#a-1", "ACCOUNT")}
    log.platform.put(account | {"entity_type": "Account", "entity_id": "a-1"})
    other = entity(2, MORNING, tenant_id="t-2")
    log.platform.put(other)

    log.seal()

    assert ("e-00003" in ids(log), "e-00002" in ids(log)) == (True, False)


def test_looking_goes_on_where_there_was_no_time() -> None:
    log = SealedLog()
    log.record(envelope(1))
    for number in range(2, 2 * LOOKED_AT + 50):
        log.platform.put(entity(number, MORNING))
    log.after(DAY)
    task, tasks = SealTask(tenant_id="t-1", day=DAY), 0

    while (left := log.sealing().seal(task, lambda: False).left) and left.after:
        task, tasks = left, tasks + 1

    assert tasks == 2
    assert len(ids(log)) == 2 * LOOKED_AT + 49
    assert log.seal().is_done


class Looks:
    """Completeness that counts its looks, of which each takes all the time there is."""

    def __init__(self, completeness: Completeness) -> None:
        self.check, self.settle = completeness.check, completeness.settle
        self._look = completeness.look
        self.begun: list[str | None] = []

    def look(
        self, tenant_id: str, since: datetime, after: str | None, has_time: Callable[[], bool]
    ) -> str | None:
        self.begun.append(after)
        return self._look(tenant_id, since, after, has_time)


def test_looking_is_not_begun_again_where_sealing_had_no_time() -> None:
    """Or a long log, of which each task seals a little, would be looked through with each."""
    log = SealedLog()
    log.record(envelope(1))
    for number in range(2, LOOKED_AT + 50):
        log.platform.put(entity(number, MORNING))
    log.after(DAY)
    looks = Looks(log.completeness)
    task: SealTask | None = SealTask(tenant_id="t-1", day=DAY)

    has_time = iter([False, True, False, False, False, True])
    tasks = 0
    while task:
        task = log.sealing(completeness=looks).seal(task, lambda: next(has_time, True)).left
        task = task and SealTask.read(task.model_dump_json())
        tasks += 1

    assert tasks == 5
    assert looks.begun[0] is None
    assert len(looks.begun) == 2
    assert looks.begun[1]
    assert len(ids(log)) == LOOKED_AT + 49
    assert log.verify().is_verified


def test_a_later_day_is_looked_through_anew() -> None:
    log = SealedLog()
    log.record(envelope(1))
    log.seal()
    looks = Looks(log.completeness)

    log.seal(NEXT, completeness=looks)

    assert looks.begun == [None]


def test_one_that_cannot_be_read_keeps_no_other_from_being_found() -> None:
    log = SealedLog()
    log.record(envelope(1))
    for number, events in enumerate([[{"id": "?"}], "none", 7, [None]]):
        log.platform.put(entity(number, MORNING, events=events))
    log.platform.put(entity(8, MORNING))

    log.seal()

    assert "e-00008" in ids(log)
    assert len(log.aside) == 4


def test_a_sealer_that_stops_between_telling_and_recording_looks_again() -> None:
    log = SealedLog()
    log.record(envelope(1))
    log.platform.put(entity(3, MORNING))
    log.after(DAY)

    class Stops:
        def record(self, _envelope: Envelope) -> bool:
            raise UnavailableError("stopped")

    stopping = replace(log.completeness, log=Stops())
    with pytest.raises(UnavailableError):
        log.sealing(completeness=stopping).seal(SealTask(tenant_id="t-1", day=DAY))
    assert (log.gaps, "e-00003" in ids(log)) == (1, False)

    log.seal()

    assert (log.gaps, "e-00003" in ids(log)) == (1, True)


# people, outside of any organisation


def of_user(number: int, user: str = "ada", **more: Any) -> Envelope:
    return envelope(number, tenant_id=None, entity_type="User", entity_id=user, **more)


def test_what_happens_to_people_is_sealed_by_the_platform_and_its_versions_counted() -> None:
    log = SealedLog()
    log.record(of_user(1), of_user(3))
    [tenant_id] = [each for each in PEOPLE if log.recording.organizations.since(each)]

    log.seal(tenant_id=tenant_id)

    assert told(log) == [("AuditGapFound", 2)]
    log.record(of_user(2))
    for day in (NEXT, NEXT + timedelta(days=1)):
        log.seal(day, tenant_id=tenant_id)
    assert told(log) == [("AuditGapRepaired", 2)]
    chain = DynamoDBChains(log.table).records(tenant_id, DAY, 0, NEXT, 10)
    assert [record.statement.entries for record in chain] == [2, 1]


def test_an_organisations_log_counts_no_people() -> None:
    log = SealedLog()
    log.record(envelope(1), of_user(7, data={"organization_ids": ["t-1"]}))

    log.seal()

    assert log.gaps == 0


def test_who_is_told_of_what_happens_to_people_is_in_the_platforms_log_too() -> None:
    """Unlike in an organisation's, where others are left out."""
    log = SealedLog()
    log.record(of_user(1, data={"organization_ids": ["t-1", "t-2"]}))

    kept = [
        item
        for (pk, _), item in getattr(log.table, "items").items()  # noqa: B009 - in memory
        if pk.startswith("ORG#people-") and "#AUDIT#" in pk
    ]
    assert [item["data"] for item in kept] == [{"organization_ids": ["t-1", "t-2"]}]
