"""Who may sign up, and what is kept of their wishes."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tenantry.errors import ForbiddenError, InvalidInputError, NotFoundError
from tenantry.identity.model import SignUpRules, Wishes
from tenantry.identity.service import SignUpService
from tests.support.clock import FakeClock
from tests.support.fakes.identity import FakeOrganizations, InMemorySignUpRepository

NAMED = {"organization_name": "Analytical Engines", "locale": "de-de", "name": "Ada"}


def with_rules(service: SignUpService, **rules: object) -> SignUpService:
    return replace(service, rules=replace(service.rules, **rules))  # type: ignore[arg-type]


def test_wishes_are_kept_by_the_pools_name_for_the_person(
    sign_ups: SignUpService, kept: InMemorySignUpRepository, clock: FakeClock
) -> None:
    sign_ups.sign_up("u-1", "ada@example.com", NAMED)

    wishes, until = kept.items["u-1"]
    assert wishes == Wishes(organization_name="Analytical Engines", locale="de-DE", name="Ada")
    assert until == clock() + timedelta(days=30)


def test_a_stranger_who_signs_up_with_the_same_address_overwrites_nothing(
    sign_ups: SignUpService, kept: InMemorySignUpRepository
) -> None:
    sign_ups.sign_up("u-1", "ada@example.com", NAMED)

    sign_ups.sign_up("u-2", "ada@example.com", {"organization_name": "Evil"})

    assert kept.items["u-1"][0].organization_name == "Analytical Engines"


def test_who_wishes_for_nothing_leaves_nothing(
    sign_ups: SignUpService, kept: InMemorySignUpRepository
) -> None:
    sign_ups.sign_up("u-1", "ada@example.com", {"something": "else"})

    assert kept.items == {}


def test_every_fault_is_listed_at_once(sign_ups: SignUpService) -> None:
    wishes = {"organization_name": "  ", "locale": "klingon", "name": "a\nb"}

    with pytest.raises(InvalidInputError) as refused:
        sign_ups.sign_up("u-1", "x@mailinator.com", wishes)

    assert {fault["field"] for fault in refused.value.faults} == {
        "email",
        "organization_name",
        "locale",
        "name",
    }


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "ada@",
        "@example.com",
        "ada@localhost",
        "a b@example.com",
        "ada@example.com\r\nBcc: x@y.z",
        "ada@[127.0.0.1]",
        "ada@@example.com",
        "ada@example..com",
    ],
)
def test_what_is_no_address_is_refused(sign_ups: SignUpService, address: str) -> None:
    with pytest.raises(InvalidInputError, match="email"):
        sign_ups.sign_up("u-1", address, {})


@pytest.mark.parametrize(
    "address",
    ["x@mailinator.com", "X@MAILINATOR.COM", "x@deep.under.mailinator.com"],
)
def test_disposable_domains_and_what_lies_under_them_are_refused(
    sign_ups: SignUpService, address: str
) -> None:
    with pytest.raises(InvalidInputError, match="disposable"):
        sign_ups.sign_up("u-1", address, {})


def test_a_domain_that_only_ends_like_a_disposable_one_is_let_in(sign_ups: SignUpService) -> None:
    sign_ups.sign_up("u-1", "x@notmailinator.com", {})


@pytest.mark.parametrize(
    ("changed", "address", "let_in"),
    [
        ({"allowed": frozenset({"example.com"})}, "a@example.com", True),
        ({"allowed": frozenset({"example.com"})}, "a@sub.example.com", False),
        ({"allowed": frozenset({"example.com"})}, "a@other.com", False),
        ({"allowed": frozenset({"mailinator.com"})}, "a@mailinator.com", True),
        ({"denied": frozenset({"example.com"})}, "a@example.com", False),
        ({"denied": frozenset({"example.com"})}, "a@sub.example.com", False),
        ({"denied": frozenset({"example.com"})}, "a@example.com.de", True),
        (
            {"allowed": frozenset({"example.com"}), "denied": frozenset({"example.com"})},
            "a@example.com",
            False,
        ),
        ({"denied": frozenset({"xn--exmple-cua.de"})}, "a@EXÄMPLE.de", False),
    ],
)
def test_domains_are_let_in_as_the_rules_say(
    sign_ups: SignUpService, changed: dict[str, object], address: str, let_in: bool
) -> None:
    service = with_rules(sign_ups, **changed)

    if let_in:
        service.sign_up("u-1", address, {})
    else:
        with pytest.raises(InvalidInputError, match="email"):
            service.sign_up("u-1", address, {})


def test_with_self_sign_up_off_only_administrators_bring_people_in(
    sign_ups: SignUpService,
) -> None:
    closed = with_rules(sign_ups, self_sign_up=False)

    closed.admit("u-1", "ada@example.com", {})
    with pytest.raises(ForbiddenError, match="invitation"):
        closed.sign_up("u-2", "bob@example.com", {})


def test_administrators_are_held_to_the_domain_rules_too(sign_ups: SignUpService) -> None:
    with pytest.raises(InvalidInputError, match="disposable"):
        sign_ups.admit("u-1", "x@mailinator.com", {})


REFUSED_WISHES = {"organization_name": " ", "organization_id": "#", "name": "a\tb", "locale": "?"}


@pytest.mark.parametrize("address", ["x@mailinator.com", "ada@localhost", "a..b@example.com"])
def test_who_comes_over_is_held_to_no_rule_and_has_no_wishes(
    sign_ups: SignUpService, kept: InMemorySignUpRepository, clock: FakeClock, address: str
) -> None:
    """A refusal would lock them out, and tell a stranger who asks for their recovery."""
    kept.mark_migrated(address, clock() + timedelta(days=1))
    strict = with_rules(sign_ups, denied=frozenset({"example.com"}), self_sign_up=False)

    strict.admit("u-1", address.upper(), REFUSED_WISHES)
    strict.admit("u-1", address, {"organization_name": "Evil"})

    assert kept.items == {}


def test_a_mark_past_its_time_opens_nothing(
    sign_ups: SignUpService, kept: InMemorySignUpRepository, clock: FakeClock
) -> None:
    kept.mark_migrated("x@mailinator.com", clock() + timedelta(days=1))
    clock.advance(timedelta(days=1))

    with pytest.raises(InvalidInputError, match="disposable"):
        sign_ups.admit("u-1", "x@mailinator.com", {})


def test_a_mark_opens_nothing_to_who_signs_up_themselves(
    sign_ups: SignUpService, kept: InMemorySignUpRepository, clock: FakeClock
) -> None:
    kept.mark_migrated("x@mailinator.com", clock() + timedelta(days=1))

    with pytest.raises(InvalidInputError, match="disposable"):
        sign_ups.sign_up("u-1", "x@mailinator.com", {})


def test_an_organisation_to_join_must_be_open_to_the_person(
    sign_ups: SignUpService, organizations: FakeOrganizations, kept: InMemorySignUpRepository
) -> None:
    organizations.names["o-1"] = "Engines"

    sign_ups.sign_up("u-1", "ada@example.com", {"organization_id": "o-1"})
    with pytest.raises(NotFoundError):
        sign_ups.sign_up("u-2", "ada@example.com", {"organization_id": "o-2"})

    assert set(kept.items) == {"u-1"}


def test_founding_and_joining_at_once_is_refused(sign_ups: SignUpService) -> None:
    both = {"organization_name": "Engines", "organization_id": "o-1"}

    with pytest.raises(InvalidInputError, match="organization_id"):
        sign_ups.sign_up("u-1", "ada@example.com", both)


def test_rules_without_lists_let_everybody_in() -> None:
    assert SignUpRules().faults("a@example.com") == []
