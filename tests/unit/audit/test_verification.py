"""What is verified is proven: whatever is changed in the log or in its seals is found."""

import base64
import copy
import gzip
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenantry.audit import verification
from tenantry.audit.dynamodb_seals import DynamoDBChains
from tenantry.audit.sealing import bound, packed, unpacked
from tenantry.audit.seals import Seal, chain_head, entry_hash, first_day
from tenantry.audit.verification import Kind, Verification
from tenantry.errors import CorruptDataError, ForbiddenError, InvalidInputError, NotAMemberError
from tenantry.persistence import cursors
from tenantry.persistence.items import Item
from tenantry.persistence.keys import Key
from tenantry.tenancy.access import MemberStatus, OrganizationStatus
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.roles import Role
from tests.support.fakes.seals import InMemorySealStore, LocalSigner
from tests.support.fakes.table import InMemoryTable
from tests.support.sealing import ADA, DAY, MORNING, SealedLog, Stands, envelope

EVENTS = 2000
DAYS = [DAY + timedelta(days=n) for n in range(3)]


def made() -> SealedLog:
    """2,000 events over three days, some of them late, all sealed."""
    log = SealedLog()
    for number, day in enumerate(DAYS):
        log.at(MORNING + timedelta(days=number))
        share = range(number * EVENTS // 3 + 1, (number + 1) * EVENTS // 3 + 1)
        late = 20 if number else 0
        log.record(*(envelope(n, MORNING + timedelta(days=number)) for n in share[late:]))
        if late:
            log.record(*(envelope(n, MORNING + timedelta(days=number - 1)) for n in share[:late]))
        log.seal(day)
    return log


@pytest.fixture(scope="module")
def run() -> SealedLog:
    return made()


def copied(log: SealedLog) -> SealedLog:
    """The same, to be harmed."""
    assert isinstance(log.table, InMemoryTable)
    table = InMemoryTable("audit", {place: dict(item) for place, item in log.table.items.items()})
    return replace(log, table=table, store=InMemorySealStore(dict(log.store.bodies)))


def entries(log: SealedLog) -> list[tuple[str, str]]:
    assert isinstance(log.table, InMemoryTable)
    return sorted(place for place in log.table.items if "#AUDIT#" in place[0])


def items(log: SealedLog) -> dict[tuple[str, str], Item]:
    assert isinstance(log.table, InMemoryTable)
    return log.table.items


def kinds(log: SealedLog) -> set[Kind]:
    return {found.kind for found in log.verify(DAYS).findings}


def test_the_audit_of_2000_events_verifies(run: SealedLog) -> None:
    verified = run.verify(DAYS)

    assert verified.findings == ()
    assert (verified.entries, verified.seals, verified.unsealed) == (EVENTS, 3, 0)
    assert verified.sealed_through == DAYS[-1]


def texts(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where in a stored item there are texts and numbers."""
    if isinstance(value, dict):
        return [each for name, inner in value.items() for each in texts(inner, (*path, name))]
    if isinstance(value, list):
        return [each for n, inner in enumerate(value) for each in texts(inner, (*path, n))]
    return [path]


def flipped(value: Any, at: int, bit: int) -> Any:
    """`value` with one bit of one of its bytes turned over."""
    if isinstance(value, int):
        return value ^ (1 << bit)
    raw = bytearray(str(value).encode("latin-1"))
    raw[at % len(raw)] ^= 1 << bit
    return raw.decode("latin-1")


@pytest.mark.figures
@given(st.data())
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_flipped_bit_in_any_entry_fails_it(run: SealedLog, data: st.DataObject) -> None:
    log = copied(run)
    place = data.draw(st.sampled_from(entries(log)))
    item = copy.deepcopy(items(log)[place])
    path = data.draw(st.sampled_from([path for path in texts(item) if texts_at(item, path) != ""]))
    holder: Any = item
    for step in path[:-1]:
        holder = holder[step]
    bit = data.draw(st.integers(0, 6))
    holder[path[-1]] = flipped(holder[path[-1]], data.draw(st.integers(0, 500)), bit)
    del items(log)[place]
    items(log)[item["PK"], item["SK"]] = item

    verified = log.verify(DAYS)

    assert not verified.is_verified, path


def texts_at(item: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        item = item[step]
    return item


@pytest.mark.figures
@given(st.data())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_flipped_bit_in_any_seal_fails_it(run: SealedLog, data: st.DataObject) -> None:
    log = copied(run)
    place = data.draw(st.sampled_from(sorted(log.store.bodies)))
    body = bytearray(log.store.bodies[place])
    # Half of the time in the statement and signature, which are a small part of the whole.
    most = len(body) - 1 if data.draw(st.booleans()) else body.index(b'"entries":"')
    body[data.draw(st.integers(0, most))] ^= 1 << data.draw(st.integers(0, 7))
    log.store.bodies[place] = bytes(body)

    assert not log.verify(DAYS).is_verified


@pytest.mark.figures
@given(st.data())
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_flipped_bit_in_any_record_of_a_seal_fails_it(
    run: SealedLog, data: st.DataObject
) -> None:
    log = copied(run)
    place = data.draw(st.sampled_from([p for p in items(log) if p[1].startswith("SEAL#")]))
    item = copy.deepcopy(items(log)[place])
    name = data.draw(st.sampled_from(["place", *sorted(item["statement"])]))
    holder = item if name == "place" else item["statement"]
    value = holder[name]
    harmed = (
        not value
        if isinstance(value, bool)
        else flipped(value, data.draw(st.integers(0, 200)), data.draw(st.integers(0, 6)))
    )
    holder[name] = harmed
    items(log)[place] = item

    assert not log.verify(DAYS).is_verified


@pytest.mark.parametrize("spelling", [str.lower, lambda at: at.replace("Z", "+00:00")])
def test_a_record_that_only_spells_a_time_otherwise_fails_it(
    run: SealedLog, spelling: Callable[[str], str]
) -> None:
    log = copied(run)
    place = next(p for p in items(log) if p[1].startswith("SEAL#"))
    item = copy.deepcopy(items(log)[place])
    item["statement"]["sealed_at"] = spelling(item["statement"]["sealed_at"])
    items(log)[place] = item

    assert not log.verify(DAYS).is_verified


def test_a_removed_entry_is_missing(run: SealedLog) -> None:
    log = copied(run)
    del items(log)[entries(log)[700]]

    verified = log.verify(DAYS)

    assert [found.kind for found in verified.findings] == [Kind.MISSING]
    assert verified.findings[0].event_id


def test_an_inserted_entry_is_extra(run: SealedLog) -> None:
    log = copied(run)
    forged = envelope(99_999, MORNING, entity_version=9)
    log.clock = type(log.clock)(MORNING)
    log.record(forged)
    log.after(DAYS[-1])

    assert kinds(log) == {Kind.EXTRA}


def test_an_entry_inserted_as_a_late_one_is_extra_once_its_seal_is_made(run: SealedLog) -> None:
    log = copied(run)
    log.clock = type(log.clock)(MORNING + timedelta(days=2))
    log.record(envelope(99_999, MORNING, entity_version=9))
    log.after(DAYS[-1])

    assert kinds(log) == {Kind.EXTRA}


def test_reordered_entries_are_found(run: SealedLog) -> None:
    """Two entries that swap their places, and all that tells of these."""
    log = copied(run)
    one, other = entries(log)[10], entries(log)[11]
    first, second = dict(items(log)[one]), dict(items(log)[other])
    keys = [name for name in first if name.endswith(("SK", "PK")) or name == "occurred_at"]
    for name in keys:
        first[name], second[name] = second[name], first[name]
    items(log)[one], items(log)[other] = second, first

    assert kinds(log) == {Kind.ALTERED}


def resealed(
    log: SealedLog, change: Callable[[list[Any]], list[Any]], signer: LocalSigner | None = None
) -> None:
    """The first seal made again of other entries, by someone without the signing key or with it."""
    place = sorted(log.store.bodies)[0]
    seal = Seal.read(log.store.bodies[place])
    said = seal.statement
    entries_of = change(list(verification.opened(seal, log.keys)))
    content = log.keys.encrypt("t-1", packed(entries_of), bound(said))
    said = said.model_copy(
        update={
            "entries": len(entries_of),
            "head": chain_head(said, map(entry_hash, entries_of)),
            "content": hashlib.sha256(content).hexdigest(),
        }
    )
    signature = (signer or LocalSigner()).sign(said.signed)
    forged = Seal(statement=said, signature=signature, entries=base64.b64encode(content).decode())
    log.store.bodies[place] = forged.written


@pytest.mark.parametrize(
    "change",
    [
        lambda sealed: sealed[1:],
        lambda sealed: [*sealed, sealed[-1]],
        lambda sealed: [sealed[1], sealed[0], *sealed[2:]],
        lambda sealed: [{**sealed[0], "type": "Other"}, *sealed[1:]],
    ],
    ids=["removed", "doubled", "reordered", "altered"],
)
def test_a_seal_made_again_without_the_key_is_forged(
    run: SealedLog, change: Callable[[list[Any]], list[Any]]
) -> None:
    log = copied(run)
    resealed(log, change)

    assert Kind.FORGED in kinds(log)


@dataclass
class OwnOnly:
    """A table as the tenant's session shows it: whatever is another's is refused."""

    table: Any

    def get(self, key: Key) -> Any:
        return self.table.get(self._own(key))

    def get_all(self, keys: Sequence[Key]) -> Any:
        return self.table.get_all([self._own(key) for key in keys])

    def query(self, pk: str, **more: Any) -> Any:
        self._own({"PK": pk})
        return self.table.query(pk, **more)

    def _own(self, key: Key) -> Key:
        assert re.fullmatch(r"ORG#t-1(#.+)?", key["PK"]), f"AccessDenied: {key}"
        assert key.get("SK", "?"), "a key is empty"
        return key


@dataclass
class OwnKeys:
    keys: Any

    def decrypt(self, tenant_id: str, sealed: bytes, bound: bytes) -> Any:
        assert tenant_id == "t-1", "AccessDenied"
        return self.keys.decrypt(tenant_id, sealed, bound)


def as_the_tenant(log: SealedLog) -> Verification:
    """The verification with what the deployed one's credentials let it reach."""
    chains = DynamoDBChains(cast("Any", OwnOnly(log.table)))
    return log.verify(DAYS, chains=lambda _tenant: chains, keys=lambda _tenant: OwnKeys(log.keys))


def test_a_verification_reaches_nothing_of_others(run: SealedLog) -> None:
    assert as_the_tenant(run).is_verified


FOREIGN: list[dict[str, Any]] = [
    {"PK": "ORG#t-2#AUDIT#2026-03"},
    {"PK": "ORG#t-1-other#AUDIT#2026-03"},
    {"PK": "ORG#t-1#SEALS", "SK": "DATA_KEY"},
    {"PK": "ORG#t-1#AUDIT#2026-04"},
    {"PK": "USER#ada#AUDIT#2026-03"},
    {"PK": None},
    {"PK": ["ORG#t-1"]},
    {"SK": ""},
    {"SK": None},
    {"SK": 7},
    {"SK": "2026-03"},
    {"SK": "2026-03-02T10:00:00.000000Z#" + "e" * 2000},
]


@pytest.mark.figures
@pytest.mark.parametrize("is_insider", [True, False], ids=["with the key", "without the key"])
@pytest.mark.parametrize("changed", FOREIGN, ids=str)
def test_a_sealed_entry_that_names_no_place_of_the_log_is_forged_and_never_looked_up(
    run: SealedLog, changed: dict[str, Any], *, is_insider: bool
) -> None:
    log = copied(run)
    signer = log.signer if is_insider else None
    at = len(DAYS) * 100
    resealed(log, lambda s: [*s[:at], {**s[at], **changed}, *s[at + 1 :]], signer)

    verified = as_the_tenant(log)

    what = "a sealed entry names no place in the organisation's log"
    assert (Kind.FORGED, what) in [(found.kind, found.what) for found in verified.findings]
    assert verified.entries == EVENTS - 1, "the others are looked at all the same"


def test_a_seal_of_anothers_is_not_opened(run: SealedLog) -> None:
    log, other = copied(run), SealedLog(keys=run.keys, signer=run.signer)
    other.record(envelope(1, tenant_id="t-2"))
    other.seal(tenant_id="t-2")
    [body] = other.store.bodies.values()
    log.store.bodies[sorted(log.store.bodies)[0]] = body

    assert Kind.FORGED in {found.kind for found in as_the_tenant(log).findings}


def test_a_record_in_the_place_of_a_later_one_is_none(run: SealedLog) -> None:
    """Following it would begin again at its own day, for ever."""
    log = copied(run)
    first, *_, last = sorted(place for place in items(log) if place[1].startswith("SEAL#"))
    items(log)[last] = {**items(log)[first], "PK": last[0], "SK": last[1]}

    assert Kind.EXTRA in {found.kind for found in as_the_tenant(log).findings}


@pytest.mark.parametrize("name", ["t-2", "t#1", ""])
def test_a_record_of_anothers_seal_is_none(run: SealedLog, name: str) -> None:
    log = copied(run)
    first = min(place for place in items(log) if place[1].startswith("SEAL#"))
    record = items(log)[first]
    items(log)[first] = {**record, "statement": {**record["statement"], "tenant_id": name}}

    assert Kind.EXTRA in {found.kind for found in as_the_tenant(log).findings}


def test_a_seal_of_what_are_no_entries_cannot_be_read() -> None:
    with pytest.raises(CorruptDataError):
        unpacked(gzip.compress(b'{"SK":"1"}\n[2]'))


def test_a_seal_that_is_gone_is_missing(run: SealedLog) -> None:
    log = copied(run)
    del log.store.bodies[sorted(log.store.bodies)[1]]

    assert Kind.MISSING in kinds(log)


def test_a_record_of_a_seal_that_is_gone_breaks_the_chain(run: SealedLog) -> None:
    log = copied(run)
    [*_, second, _third] = sorted(place for place in items(log) if place[1].startswith("SEAL#"))
    del items(log)[second]

    assert {Kind.BROKEN, Kind.EXTRA} <= kinds(log)


def test_the_last_days_cannot_be_cut_off(run: SealedLog) -> None:
    """Seals, entries and where sealing stands set back: the bucket still knows."""
    log = copied(run)
    [*_, last] = sorted(place for place in items(log) if place[1].startswith("SEAL#"))
    del items(log)[last]
    for place in entries(log):
        if place[1] >= DAYS[-1].isoformat():
            del items(log)[place]
    position = items(log)["ORG#t-1#SEALS", "POSITION"]
    before = Seal.read(log.store.bodies[sorted(log.store.bodies)[1]]).statement
    position |= {"sequence": 2, "head": before.head, "through": DAYS[1].isoformat()}

    assert Kind.EXTRA in kinds(log)


def test_a_seal_of_another_organisation_does_not_serve(run: SealedLog) -> None:
    log, other = copied(run), SealedLog(keys=run.keys, signer=run.signer)
    other.record(envelope(1, tenant_id="t-2"))
    other.seal(tenant_id="t-2")
    [body] = other.store.bodies.values()
    log.store.bodies[sorted(log.store.bodies)[0]] = body

    assert {Kind.FORGED, Kind.ALTERED} <= kinds(log)


def test_what_is_not_sealed_yet_is_counted(run: SealedLog) -> None:
    log = copied(run)
    today = DAYS[-1] + timedelta(days=1)
    log.clock = type(log.clock)(datetime(2026, 3, 5, 9, tzinfo=UTC))
    log.record(*(envelope(n, MORNING + timedelta(days=3)) for n in range(3001, 3006)))
    log.record(envelope(3006, MORNING))  # a late one

    verified = log.verify([*DAYS, today])

    assert verified.findings == ()
    assert (verified.entries, verified.unsealed) == (EVENTS, 6)


def test_what_was_kept_for_long_enough_may_be_gone(run: SealedLog) -> None:
    log = copied(run)
    for place in entries(log):
        if place[1] < DAYS[1].isoformat():
            del items(log)[place]
    log.forgotten = "2026-03-03"

    verified = log.verify(DAYS)

    assert verified.findings == ()
    assert verified.expired > 600
    assert verified.entries + verified.expired == EVENTS


def test_when_it_may_be_forgotten_may_be_set_on_an_entry(run: SealedLog) -> None:
    log = copied(run)
    items(log)[entries(log)[0]]["purge_at"] = 1_900_000_000

    assert log.verify(DAYS).is_verified


def test_long_intervals_come_in_pages(run: SealedLog) -> None:
    log = copied(run)
    service = log.verification(most_entries=10)
    given = {"from": "2026-03-02T00:00:00Z", "to": "2026-03-05T00:00:00Z"}

    page, days = service.verify(ADA, given), []
    while page.next_cursor:
        days.append(page.through)
        page = service.verify(ADA, given, page.next_cursor)

    assert [*days, page.through] == DAYS


def test_a_page_ends_in_time_with_the_day_that_it_is_at(run: SealedLog) -> None:
    seconds = count(step=verification.MOST_SECONDS + 1)
    service = copied(run).verification(elapsed=lambda: next(seconds))
    given = {"from": "2026-03-02T00:00:00Z", "to": "2026-03-05T00:00:00Z"}

    page = service.verify(ADA, given)

    assert page.through == DAYS[0]
    assert page.next_cursor
    assert service.verify(ADA, given, page.next_cursor).through == DAYS[1]


def test_findings_are_counted_and_the_first_are_named(run: SealedLog) -> None:
    log = copied(run)
    for place in entries(log)[:150]:
        del items(log)[place]

    verified = log.verify([DAY])

    assert (verified.finding_count, len(verified.findings)) == (150, verification.MOST_FINDINGS)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"from": "2026-03-02T00:00:00Z"},
        {"from": "2026-03-02T00:00:00Z", "to": "2026-03-02T00:00:00Z"},
        {"from": "2026-03-03T00:00:00Z", "to": "2026-03-02T00:00:00Z"},
        {"from": "2026-03-02", "to": "tomorrow"},
        {"from": "2026-03-02T00:00:00", "to": "2026-03-03T00:00:00"},
        {"from": "2026-03-02T00:00:00Z", "to": "2026-03-03T00:00:00Z", "tenantId": "t-2"},
    ],
)
def test_what_is_no_interval_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        SealedLog().verification().verify(ADA, given)


@pytest.mark.parametrize("day", ["2026-03-01", "2026-03-04", "yesterday", ""])
def test_a_cursor_of_another_interval_is_refused(day: str) -> None:
    given = {"from": "2026-03-02T00:00:00Z", "to": "2026-03-04T00:00:00Z"}

    with pytest.raises(InvalidInputError):
        SealedLog().verification().verify(ADA, given, cursors.encode({"day": day}))


GIVEN = {"from": "2026-03-02T00:00:00Z", "to": "2026-03-04T00:00:00Z"}


@pytest.mark.parametrize("role", [Role.MANAGER, Role.MEMBER, Role.VIEWER])
def test_only_administrators_verify(role: Role) -> None:
    with pytest.raises(ForbiddenError):
        SealedLog().verification(access=Stands(role=role)).verify(ADA, GIVEN)


def test_a_removed_member_verifies_nothing() -> None:
    access = Stands(member_status=MemberStatus.REMOVED)
    with pytest.raises(NotAMemberError):
        SealedLog().verification(access=access).verify(ADA, GIVEN)


def test_a_suspended_organisation_still_verifies() -> None:
    access = Stands(organization_status=OrganizationStatus.SUSPENDED)

    assert SealedLog().verification(access=access).verify(ADA, GIVEN).is_verified


def test_the_organisation_verified_is_the_callers(run: SealedLog) -> None:
    other = run.verification().verify(Caller(user_id="eve", tenant_id="t-2"), GIVEN)

    assert (other.entries, other.seals) == (0, 0)


@pytest.mark.parametrize("hour", [0, 1, 2, 12, 23])
def test_whatever_is_sealed_of_a_young_organization_is_verified(hour: int) -> None:
    """Sealing begins a little before the organisation; verifying does too, at any time of day."""
    founded = MORNING.replace(hour=hour, minute=30)
    log = SealedLog()
    log.at(founded)
    log.record(envelope(1, founded))
    first = first_day(founded)
    log.at(datetime(first.year, first.month, first.day, tzinfo=UTC))  # a clock that is behind
    log.record(envelope(2, log.clock()))
    last = founded.date() + timedelta(days=1)
    log.seal(last)

    asked = [first - timedelta(days=5), last]
    verified = log.verify(asked, access=Stands(organization_created_at=founded))

    assert (verified.findings, verified.entries) == ((), 2)
