"""What happens at once, on the local cloud: slugs, keys and seats (rows 8 and 14)."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from threading import Barrier
from typing import Any

import pytest

from tenantry.errors import TenantryError
from tenantry.messaging.stamp import Cause
from tenantry.organizations.bootstrap import member_service, organization_service
from tenantry.organizations.dynamodb import (
    DynamoDBMemberRepository,
    DynamoDBOrganizationRepository,
)
from tenantry.organizations.model import CreateOrganizationInput, Member, PlanName
from tenantry.organizations.repository import MemberChange
from tenantry.organizations.seats import reserve
from tenantry.persistence.table import Table
from tenantry.persistence.writes import Create, Step
from tenantry.runtime.identifiers import new_id
from tenantry.tenancy.access import MemberStatus
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.roles import Role
from tests.integration.organizations.conftest import Api
from tests.support.faults import Stopped, injected, stop_after, stop_before

KEYS = 1000
"""In each of two tests: 1,000 keys, four at once. A key never expires: its organisation is it."""

_EXPRESSIONS = ("ExpressionAttributeNames", "ExpressionAttributeValues")


def at_once[T](works: list[Callable[[], T]]) -> list[T]:
    """Run all `works`, each in a thread of its own, none before the others are ready."""
    barrier = Barrier(len(works))

    def run(work: Callable[[], T]) -> T:
        barrier.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


@dataclass(frozen=True)
class Outcome:
    """What a call came to: a code, and what it answered."""

    code: str
    answer: Any = None


def outcome(call: Callable[[], Any]) -> Outcome:
    try:
        return Outcome("OK", call())
    except TenantryError as error:
        return Outcome(error.code)


def founding(user: str, **values: Any) -> Callable[[], Outcome]:
    """Of the service itself: in Lambda a handler serves one request at a time."""
    caller = Caller(user_id=user)
    return lambda: outcome(lambda: organization_service().create(caller, values))


def codes(outcomes: Iterable[Outcome]) -> Counter[str]:
    return Counter(each.code for each in outcomes)


def stored(api: Api, sk: str) -> list[dict[str, Any]]:
    found = api.stored()
    return [item for item in found if item["SK"]["S"].startswith(sk)]


def test_of_64_at_once_one_gets_the_slug(concurrent_api: Api) -> None:
    works = [founding(f"u-{n}", name="Acme", slug="acme") for n in range(64)]

    answers = at_once(works)

    assert codes(answers) == {"OK": 1, "SLUG_TAKEN": 63}
    assert len(stored(concurrent_api, "ORGANIZATION")) == 1
    assert len(stored(concurrent_api, "MEMBER#")) == 1
    assert len(stored(concurrent_api, "SLUG")) == 1


def test_without_its_reservation_a_slug_would_be_given_twice(
    concurrent_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of the test above."""
    numbers = iter(range(1000))
    monkeypatch.setattr(
        "tenantry.organizations.dynamodb._slug_key",
        lambda slug: {"PK": f"SLUG#{slug}", "SK": str(next(numbers))},
    )
    works = [founding(f"u-{n}", name="Acme", slug="acme") for n in range(4)]

    assert codes(at_once(works)) == {"OK": 4}


def test_of_64_that_one_user_founds_at_once_25_come_to_be(concurrent_api: Api) -> None:
    works = [founding("u-1", name=f"Acme {n}") for n in range(64)]

    answers = at_once(works)

    assert codes(answers) == {"OK": 25, "LIMIT_EXCEEDED": 39}
    assert len(stored(concurrent_api, "ORGANIZATION")) == 25
    assert [item["founded"]["N"] for item in stored(concurrent_api, "FOUNDED")] == ["25"]


def test_without_the_count_one_user_would_found_them_all(
    concurrent_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: each founding is counted elsewhere."""
    numbers = iter(range(1000))
    monkeypatch.setattr(
        "tenantry.organizations.dynamodb._founded_key",
        lambda _user: {"PK": "USER#u-1", "SK": f"FOUNDED#{next(numbers)}"},
    )

    assert codes(at_once([founding("u-1", name=f"Acme {n}") for n in range(30)])) == {"OK": 30}


def test_of_64_at_once_with_one_name_everyone_gets_a_slug(concurrent_api: Api) -> None:
    works = [founding(f"u-{n}", name="Acme") for n in range(64)]

    answers = at_once(works)

    assert codes(answers) == {"OK": 64}
    assert len({answer.answer.slug for answer in answers}) == 64


def test_a_key_used_four_times_at_once_founds_once(concurrent_api: Api) -> None:
    def work(number: int) -> Callable[[], list[Outcome]]:
        # Each thread goes through the same keys in the same order, so that they meet.
        return lambda: [
            founding(f"u-{key}", name=f"Acme {key}", clientMutationId="k")() for key in range(KEYS)
        ]

    answers = at_once([work(number) for number in range(4)])

    for same in zip(*answers, strict=True):
        assert codes(same) == {"OK": 4}
        assert len({answer.answer.tenant_id for answer in same}) == 1
    assert len(stored(concurrent_api, "ORGANIZATION")) == KEYS


def test_a_key_used_with_other_contents_at_once_founds_one_of_them(concurrent_api: Api) -> None:
    def work(number: int) -> Callable[[], list[Outcome]]:
        return lambda: [
            founding(f"u-{key}", name=f"Acme {key} {number}", clientMutationId="k")()
            for key in range(KEYS)
        ]

    answers = at_once([work(number) for number in range(4)])

    for same in zip(*answers, strict=True):
        assert codes(same) == {"OK": 1, "IDEMPOTENCY_MISMATCH": 3}
    assert len(stored(concurrent_api, "ORGANIZATION")) == KEYS


def test_without_its_fingerprint_another_content_would_be_answered_as_this_one(
    concurrent_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of the test above."""
    monkeypatch.setattr(CreateOrganizationInput, "fingerprint", "the same")
    works = [founding("ada", name=f"Acme {n}", clientMutationId="k") for n in range(4)]

    answers = at_once(works)

    assert codes(answers) == {"OK": 4}
    assert len(stored(concurrent_api, "ORGANIZATION")) == 1


def test_with_an_id_that_is_not_made_of_the_key_four_would_be_founded(
    concurrent_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of the tests above and below."""
    monkeypatch.setattr("tenantry.organizations.service.derived_id", lambda *_: new_id())

    answers = at_once([founding("ada", name="Acme", clientMutationId="k")] * 4)

    assert codes(answers) == {"OK": 4}
    assert len(stored(concurrent_api, "ORGANIZATION")) == 4


def test_a_key_whose_first_try_crashed_is_taken_up_by_all_that_repeat_it(
    concurrent_api: Api,
) -> None:
    """Half of them before their write, half after it; a key never expires, so that is all."""
    again = [founding(f"u-{key}", name=f"Acme {key}", clientMutationId="k") for key in range(KEYS)]
    for key, first in enumerate(again):
        with pytest.raises(Stopped), injected((stop_before, stop_after)[key % 2](2)):
            first()
    assert len(stored(concurrent_api, "ORGANIZATION")) == KEYS // 2

    answers = at_once([lambda: [each() for each in again]] * 4)

    for same in zip(*answers, strict=True):
        assert codes(same) == {"OK": 4}
        assert len({answer.answer.tenant_id for answer in same}) == 1
    assert len(stored(concurrent_api, "ORGANIZATION")) == KEYS


def test_signing_up_three_times_at_once_founds_once(concurrent_api: Api) -> None:
    service = organization_service()

    founded = at_once([lambda: service.found("ada", "Acme", Cause())] * 3)

    assert len(set(founded)) == 1
    # The organisation, its owner, its slug, and the founder's count.
    assert len(stored(concurrent_api, "")) == 4


def _joinable(api: Api) -> str:
    """An organisation on STARTER, so of 25 seats, that people of its domain join."""
    own = str(api.create()["id"])
    claim = api.data("claimDomain", {"domain": "acme.example"}, organization=own)
    api.dns.records[claim["recordName"]] = [claim["recordValue"]]
    api.data("verifyDomain", {"domain": "acme.example"}, organization=own)
    values = {"input": {"joinByDomain": True}}
    api.data("updateOrganizationSettings", values, organization=own)
    # There is no command for it yet: billing will change plans.
    _set(api, own, "ORGANIZATION", "plan", PlanName.STARTER)
    return own


def _set(api: Api, own: str, sk: str, attribute: str, value: str) -> None:
    api.table._client.update_item(
        TableName=api.table.name,
        Key={"PK": {"S": f"ORG#{own}"}, "SK": {"S": sk}},
        UpdateExpression="SET #n = :v",
        ExpressionAttributeNames={"#n": attribute},
        ExpressionAttributeValues={":v": {"S": value}},
    )


def _join(number: int) -> Callable[[], str | None]:
    email = f"p{number}@acme.example"
    return lambda: organization_service().join_by_domain(f"p-{number}", email, Cause())


def _leave(own: str, number: int) -> None:
    member_service().leave(Caller(user_id=f"p-{number}", tenant_id=own))


def _seats(api: Api) -> tuple[int, int]:
    """How many members there are, and how many the organisation counts."""
    [organization] = stored(api, "ORGANIZATION")
    members = [m for m in stored(api, "MEMBER#") if m["status"]["S"] == "ACTIVE"]
    return len(members), int(organization["used_users"]["N"])


@pytest.mark.parametrize("time", ["first", "again"])
def test_of_500_who_join_in_64_threads_as_many_stay_as_there_are_seats(
    concurrent_api: Api, time: str
) -> None:
    """24 beside the owner; a third of those who got a seat leave, and others take theirs."""
    own = _joinable(concurrent_api)
    seen: list[int] = []

    def come(number: int) -> str | None:
        joined = _join(number)()
        if joined and number % 3 == 0:
            _leave(own, number)
        if number % 50 == 0:
            seen.append(_seats(concurrent_api)[1])
        return joined

    with ThreadPoolExecutor(64) as pool:
        joined = list(pool.map(come, range(500)))

    members, counted = _seats(concurrent_api)
    assert members == counted == 25
    assert max(seen) <= 25
    left = len(stored(concurrent_api, "MEMBER#")) - members
    assert Counter(joined) == {own: 24 + left, None: 476 - left}
    # Who comes again is what they were: a member, or one who left and does not come back.
    again = [_join(number)() for number in range(30)]
    statuses = {m["entity_id"]["S"]: m["status"]["S"] for m in stored(concurrent_api, "MEMBER#")}
    assert again == [own if statuses.get(f"p-{n}") == "ACTIVE" else None for n in range(30)]


def test_without_a_limit_in_the_transaction_more_would_join(
    concurrent_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of the test above."""
    _joinable(concurrent_api)
    monkeypatch.setattr(
        "tenantry.organizations.dynamodb.reserve",
        lambda tenant_id, **more: reserve(tenant_id, limit=None, require=more["require"]),
    )

    joined = at_once([_join(number) for number in range(64)])

    assert None not in joined
    assert _seats(concurrent_api) == (65, 65)


OWNERS = 500
"""Pairs of owners who remove each other at once (row 9)."""


def _pairs(api: Api, count: int) -> list[str]:
    """Organisations of two owners, ada and bob."""
    owned = [str(api.create(f"Acme {n}", clientMutationId=f"k-{n}")["id"]) for n in range(count)]
    for own in owned:
        api.join(own, "bob", Role.OWNER)
    return owned


def _turned_on(own: str, command: str, who: str, whom: str) -> Outcome:
    """`who` turns on `whom`, or gives up being an owner."""
    caller, service = Caller(user_id=who, tenant_id=own), member_service()
    ends: dict[str, Callable[[], Any]] = {
        "remove": lambda: service.remove(caller, whom),
        "demote": lambda: service.update_role(caller, whom, "VIEWER"),
        "suspend": lambda: service.suspend(caller, whom),
        "leave": lambda: service.leave(caller),
    }
    return outcome(ends[command])


def _owners(api: Api, own: str) -> tuple[int, int]:
    """How many active owners there are, and how many the organisation counts."""
    organization = DynamoDBOrganizationRepository(api.table).get(own)
    assert organization is not None
    return sum(member.leads for member in _both(api, own)), organization.owners


def _both(api: Api, own: str) -> list[Member]:
    """Ada and Bob, whatever has become of their memberships."""
    found = DynamoDBOrganizationRepository(api.table)
    members = [found.acting(own, user).member for user in ("ada", "bob")]
    return [member for member in members if member is not None]


@pytest.fixture
def many_founded(monkeypatch: pytest.MonkeyPatch) -> None:
    """One person founds them all, which a deployment would cap."""
    monkeypatch.setenv("ORGANIZATIONS_PER_USER", "1000")


@pytest.mark.parametrize(
    ("commands", "times"),
    [
        (("remove", "remove"), OWNERS),
        (("remove", "leave"), 50),
        (("demote", "demote"), 50),
        (("suspend", "remove"), 50),
        (("leave", "leave"), 50),
    ],
    ids=["remove remove", "remove leave", "demote demote", "suspend remove", "leave leave"],
)
def test_of_two_owners_who_turn_on_each_other_at_once_one_is_left(
    many_founded: None, concurrent_api: Api, commands: tuple[str, str], times: int
) -> None:
    told: Counter[tuple[str, ...]] = Counter()
    with ThreadPoolExecutor(16) as pool:
        for own in _pairs(concurrent_api, times):
            barrier = Barrier(2)

            def turn(
                command: str, who: str, whom: str, own: str = own, at: Barrier = barrier
            ) -> Outcome:
                at.wait()
                return _turned_on(own, command, who, whom)

            first = pool.submit(turn, commands[0], "ada", "bob")
            second = pool.submit(turn, commands[1], "bob", "ada")
            told[tuple(sorted(each.result().code for each in (first, second)))] += 1
            assert _owners(concurrent_api, own) == (1, 1)
            # Each ends or changes one owner, once: nobody's version goes further than that.
            versions = [member.entity_version for member in _both(concurrent_api, own)]
            assert sorted(versions) == [1, 2]

    assert sum(told.values()) == times
    if commands == ("remove", "leave"):
        # Both end the same membership: who removes somebody who has just left is told so.
        del told["OK", "OK"]
    # Whoever comes second is the last owner, has changed meanwhile, or is no owner any more.
    refusals = {"LAST_OWNER", "CONFLICT", "NOT_A_MEMBER", "FORBIDDEN", "NOT_FOUND"}
    assert all("OK" in each and set(each) & refusals for each in told), told


@pytest.mark.parametrize(
    "commands", [("remove", "remove"), ("leave", "leave"), ("leave", "remove")]
)
def test_of_two_owners_beside_one_who_cannot_act_one_is_left(
    many_founded: None, concurrent_api: Api, commands: tuple[str, str]
) -> None:
    """The count of owners would let both go: the third one counts, and the platform bars them."""
    for own in _pairs(concurrent_api, 25):
        concurrent_api.join(own, "eve", Role.OWNER)
        card = Card(None, "eve@x.example", 1, is_suspended=True)
        assert DynamoDBMemberRepository(concurrent_api.table).show(own, "eve", card)

        at_once(
            [
                partial(_turned_on, own, commands[0], "ada", "bob"),
                partial(_turned_on, own, commands[1], "bob", "ada"),
            ]
        )

        assert _owners(concurrent_api, own) == (1, 2)


@dataclass(frozen=True)
class Card:
    name: str | None
    email: str
    entity_version: int
    is_suspended: bool = False


def test_without_a_floor_in_the_transaction_nobody_would_be_left(
    concurrent_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of the test above: both have read before either has written."""

    def both_removed(name: str) -> tuple[str, int]:
        own = str(concurrent_api.create(name)["id"])
        concurrent_api.join(own, "bob", Role.OWNER)
        found = DynamoDBOrganizationRepository(concurrent_api.table).acting(own, "ada", other="bob")
        repository = DynamoDBMemberRepository(concurrent_api.table)
        told = []
        for member in (found.member, found.other):
            assert member is not None
            removed = member.changed(status=MemberStatus.REMOVED)
            change = MemberChange(member, removed, ())
            told.append(outcome(partial(repository.save, change)).code)
        return told[1], _owners(concurrent_api, own)[0]

    assert both_removed("Acme") == ("LAST_OWNER", 1)
    monkeypatch.setattr(
        "tenantry.organizations.seats.Step", lambda attribute, by, **_: Step(attribute, by)
    )

    assert both_removed("Ajax") == ("OK", 0)


def _provers(api: Api) -> list[Callable[[], Outcome]]:
    """Eight owners whose proofs of one domain all lie in its DNS."""
    callers = []
    for number in range(8):
        user = f"u-{number}"
        own = api.create("Acme", user=user)["id"]
        claim = api.data("claimDomain", {"domain": "acme.example"}, user=user, organization=own)
        api.dns.records.setdefault(claim["recordName"], []).append(claim["recordValue"])
        callers.append(Caller(user_id=user, tenant_id=own))

    def work(caller: Caller) -> Callable[[], Outcome]:
        return lambda: outcome(lambda: organization_service().verify_domain(caller, "acme.example"))

    return [work(caller) for caller in callers]


def test_of_those_who_prove_a_domain_at_once_one_has_it(concurrent_api: Api) -> None:
    answers = at_once(_provers(concurrent_api))

    assert codes(answers) == {"OK": 1, "DOMAIN_TAKEN": 7}
    [held] = stored(concurrent_api, "CLAIM")
    [winner] = [each.answer for each in answers if each.code == "OK"]
    assert held["tenant_id"]["S"] == winner.tenant_id


def test_were_a_proven_domain_written_over_all_would_have_it(
    concurrent_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of the test above: the one before is not looked at."""
    original = Table._create

    def over(self: Table, write: Create, ids: Sequence[str]) -> dict[str, Any]:
        request = original(self, write, ids)
        if write.key["SK"] == "CLAIM":
            for name in ("ConditionExpression", *_EXPRESSIONS):
                request.pop(name, None)
        return request

    provers = _provers(concurrent_api)
    monkeypatch.setattr(Table, "_create", over)

    assert codes(at_once(provers)) == {"OK": 8}
