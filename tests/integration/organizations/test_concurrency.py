"""What happens at once, on the local cloud: slugs, keys and seats (rows 8 and 14)."""

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from typing import Any

import pytest

from tenantry.errors import TenantryError
from tenantry.messaging.stamp import Cause
from tenantry.organizations.bootstrap import organization_service
from tenantry.organizations.model import Plan
from tenantry.persistence.writes import Count
from tenantry.tenancy.caller import Caller
from tests.integration.organizations.conftest import Api
from tests.support.faults import Stopped, injected, stop_after

KEYS = 500
"""In each of two tests: 1,000 keys, four at once. A key never expires: its organisation is it."""


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


def test_a_key_whose_first_try_crashed_is_taken_up_by_all_that_repeat_it(
    concurrent_api: Api,
) -> None:
    for key in range(100):
        again = founding(f"u-{key}", name=f"Acme {key}", clientMutationId="k")
        with pytest.raises(Stopped), injected(stop_after(1)):
            again()

        assert codes(at_once([again] * 4)) == {"OK": 4}

    assert len(stored(concurrent_api, "ORGANIZATION")) == 100


def test_signing_up_three_times_at_once_founds_once(concurrent_api: Api) -> None:
    service = organization_service()

    founded = at_once([lambda: service.found("ada", "Acme", Cause())] * 3)

    assert len(set(founded)) == 1
    assert len(stored(concurrent_api, "")) == 3


def _joinable(api: Api, monkeypatch: pytest.MonkeyPatch) -> str:
    """An organisation of 25 seats that people of its domain join."""
    plan = Plan(25, 3, 1024, 10)
    monkeypatch.setattr("tenantry.organizations.model.PLANS", dict.fromkeys(["FREE"], plan))
    own = str(api.create()["id"])
    claim = api.data("claimDomain", {"domain": "acme.example"}, organization=own)
    api.dns.records[claim["recordName"]] = [claim["recordValue"]]
    api.data("verifyDomain", {"domain": "acme.example"}, organization=own)
    values = {"input": {"joinByDomain": True}}
    api.data("updateOrganizationSettings", values, organization=own)
    return own


def _join(number: int) -> Callable[[], str | None]:
    email = f"p{number}@acme.example"
    return lambda: organization_service().join_by_domain(f"p-{number}", email, Cause())


def test_of_64_who_join_at_once_25_get_a_seat(
    concurrent_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = _joinable(concurrent_api, monkeypatch)

    joined = at_once([_join(number) for number in range(64)])

    [organization] = stored(concurrent_api, "ORGANIZATION")
    members = stored(concurrent_api, "MEMBER#")
    assert Counter(joined) == {own: 24, None: 40}
    assert (len(members), organization["used_users"]["N"]) == (25, "25")


def test_without_a_limit_in_the_transaction_more_would_join(
    concurrent_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of the test above: a check before the write alone lets all of them in."""
    _joinable(concurrent_api, monkeypatch)
    monkeypatch.setattr(
        "tenantry.organizations.dynamodb.Count",
        lambda key, attribute, by, **more: Count(key, attribute, by, require=more["require"]),
    )

    joined = at_once([_join(number) for number in range(32)])

    assert None not in joined
    assert len(stored(concurrent_api, "MEMBER#")) == 33


def test_two_who_prove_a_domain_at_once_do_not_both_have_it(concurrent_api: Api) -> None:
    owners = [{"user": f"u-{n}"} for n in range(8)]
    for owner in owners:
        owner["organization"] = concurrent_api.create("Acme", **owner)["id"]
        claim = concurrent_api.data("claimDomain", {"domain": "acme.example"}, **owner)
        records = concurrent_api.dns.records.setdefault(claim["recordName"], [])
        records.append(claim["recordValue"])

    def work(owner: dict[str, str]) -> Callable[[], Outcome]:
        caller = Caller(user_id=owner["user"], tenant_id=owner["organization"])
        return lambda: outcome(lambda: organization_service().verify_domain(caller, "acme.example"))

    answers = at_once([work(owner) for owner in owners])

    assert codes(answers) == {"OK": 1, "DOMAIN_TAKEN": 7}
    [held] = stored(concurrent_api, "CLAIM")
    [winner] = [o for o, a in zip(owners, answers, strict=True) if a.code == "OK"]
    assert held["tenant_id"]["S"] == winner["organization"]
