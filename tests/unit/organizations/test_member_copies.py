"""What members show of profiles: current in the end, in whatever order it is heard of."""

import random
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

import pytest

from tenantry.errors import ForbiddenError
from tenantry.messaging.event import Envelope
from tenantry.organizations.members import MemberCopies
from tenantry.tenancy.access import MemberStatus
from tenantry.tenancy.roles import Role
from tests.support.clock import START
from tests.support.streams import shuffled_with_duplicates
from tests.unit.organizations.conftest import World


@dataclass(frozen=True)
class StoredCard:
    name: str | None
    email: str
    entity_version: int
    is_suspended: bool = False


@dataclass
class KnownProfiles:
    cards: dict[str, StoredCard] = field(default_factory=dict)

    def card(self, user_id: str) -> StoredCard | None:
        return self.cards.get(user_id)


def told(kind: str, **data: Any) -> Envelope:
    return Envelope(
        id=f"e-{kind}",
        type=kind,
        context="identity",
        occurred_at=START,
        actor={"id": "bob"},
        data={"user_id": "bob", **data},
        tenant_id=data.get("organization_id"),
        entity_type="User",
        entity_id="bob",
        entity_version=1,
    )


@pytest.fixture
def profiles() -> KnownProfiles:
    return KnownProfiles({"bob": StoredCard("Bob B.", "bob@new.example", 3)})


@pytest.fixture
def copies(world: World, profiles: KnownProfiles) -> MemberCopies:
    return MemberCopies(profiles, world.stored_members)


def test_a_profile_is_shown_in_every_organisation_and_tells_nothing(
    world: World, copies: MemberCopies
) -> None:
    callers = [world.joined(world.founded(f"Acme {n}", f"ada-{n}"), "bob") for n in range(3)]
    before = len(world.told())

    renewed = copies.refresh(told("ProfileUpdated", fields=["email"]))

    assert renewed == 3
    for caller in callers:
        member = world.member(caller)
        assert (member.name, member.email, member.entity_version) == (
            "Bob B.",
            "bob@new.example",
            1,
        )
    assert len(world.told()) == before


@pytest.mark.parametrize("fields", [["locale"], ["time_zone", "avatar_key"], []])
def test_what_members_do_not_show_asks_nobody(
    world: World, copies: MemberCopies, profiles: KnownProfiles, fields: list[str]
) -> None:
    bob = world.joined(world.founded(), "bob")
    profiles.cards.clear()

    assert copies.refresh(told("ProfileUpdated", fields=fields)) == 0
    assert world.member(bob).name == "Bob"


def test_who_has_no_profile_yet_is_shown_by_their_registration(
    world: World, copies: MemberCopies, profiles: KnownProfiles
) -> None:
    bob = world.joined(world.founded(), "bob")
    card = profiles.cards.pop("bob")

    joined = told("MemberJoined", organization_id=bob.tenant_id)
    assert copies.refresh(joined) == 0
    profiles.cards["bob"] = card
    assert copies.refresh(told("UserRegistered", organization_id=bob.tenant_id)) == 1


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_whatever_the_order_and_however_often_the_newest_is_shown(
    world: World, copies: MemberCopies, profiles: KnownProfiles, order: tuple[int, ...]
) -> None:
    bob = world.joined(world.founded(), "bob")
    read = [StoredCard(f"Bob {n}", f"bob-{n}@x.example", n + 1) for n in range(3)]

    for number in (*order, *order):
        # What a consumer has read may be older by the time it writes.
        profiles.cards["bob"] = read[number]
        copies.refresh(told("ProfileUpdated", fields=["name"]))

    assert world.member(bob).name == "Bob 2"


SUSPENDED = StoredCard("Bob B.", "bob@new.example", 4, is_suspended=True)
REACTIVATED = StoredCard("Bob B.", "bob@new.example", 5)


def test_a_suspended_person_is_kept_out_of_every_organisation_until_reactivated(
    world: World, copies: MemberCopies, profiles: KnownProfiles
) -> None:
    callers = [world.joined(world.founded(f"Acme {n}", f"ada-{n}"), "bob") for n in range(3)]
    assert [world.service.read(caller).name for caller in callers] == ["Acme 0", "Acme 1", "Acme 2"]

    profiles.cards["bob"] = SUSPENDED
    assert copies.refresh(told("UserSuspended")) == 3
    for caller in callers:
        with pytest.raises(ForbiddenError, match="suspended"):
            world.service.read(caller)

    profiles.cards["bob"] = REACTIVATED
    assert copies.refresh(told("UserReactivated")) == 3
    assert all(world.service.read(caller) for caller in callers)


def test_others_go_on_and_the_suspended_count_as_members(
    world: World, copies: MemberCopies, profiles: KnownProfiles
) -> None:
    owner = world.founded()
    bob = world.joined(owner, "bob")
    profiles.cards["bob"] = SUSPENDED
    copies.refresh(told("UserSuspended"))

    assert world.service.read(owner)
    assert world.counted(owner) == (2, 1)
    assert world.member(bob).status is MemberStatus.ACTIVE


@pytest.mark.parametrize("order", list(permutations((SUSPENDED, REACTIVATED))))
def test_the_newest_word_on_a_suspension_counts_in_whatever_order_it_comes(
    world: World, copies: MemberCopies, profiles: KnownProfiles, order: tuple[StoredCard, ...]
) -> None:
    bob = world.joined(world.founded(), "bob")

    for card in (*order, *order):
        profiles.cards["bob"] = card
        copies.refresh(told("UserSuspended"))

    assert world.service.read(bob)


def test_who_is_let_in_while_being_suspended_is_kept_out_all_the_same(
    world: World, copies: MemberCopies, profiles: KnownProfiles
) -> None:
    profiles.cards["bob"] = SUSPENDED
    copies.refresh(told("UserSuspended"))

    bob = world.joined(world.founded(), "bob")
    copies.refresh(told("MemberJoined", organization_id=bob.tenant_id))

    with pytest.raises(ForbiddenError):
        world.service.read(bob)


def test_the_address_of_who_was_removed_is_not_told_to_those_they_left(
    world: World, copies: MemberCopies
) -> None:
    owner = world.founded()
    bob = world.joined(owner, "bob")
    world.members.remove(owner, "bob")

    assert copies.refresh(told("ProfileUpdated", fields=["email"])) == 0
    assert world.member(bob).email is None


def test_who_comes_back_is_shown_again(world: World, copies: MemberCopies) -> None:
    owner = world.founded()
    bob = world.joined(owner, "bob")
    copies.refresh(told("UserRegistered"))
    world.members.remove(owner, "bob")

    world.joined(owner, "bob", Role.VIEWER, MemberStatus.ACTIVE)

    assert copies.refresh(told("MemberJoined", organization_id=owner.tenant_id)) == 1
    assert world.member(bob).email == "bob@new.example"


USERS, CHANGES = 100, 20
"""2,000 events."""


def _versions(user: int) -> list[StoredCard]:
    """A profile's life: names that change, and every seventh time a suspension or its end."""
    return [
        StoredCard(f"{user}-{n}", f"{user}-{n}@x.example", n + 1, is_suspended=n % 7 in (3, 4, 5))
        for n in range(CHANGES + user % 5)
    ]


@pytest.mark.figures
@pytest.mark.parametrize("seed", range(20))
def test_2000_events_in_any_order_and_number_show_every_profile_as_it_stands(
    world: World, seed: int
) -> None:
    """Each 1 to 5 times (row 13); what a consumer has read may be older by the time it writes."""
    dice, profiles = random.Random(seed), KnownProfiles()
    copies = MemberCopies(profiles, world.stored_members)
    owners = [world.founded(f"Acme {n}", f"ada-{n}") for n in range(3)]
    lives = {f"u-{user}": _versions(user) for user in range(USERS)}
    for number, user in enumerate(lives):
        for owner in owners[: number % 3 + 1]:
            world.joined(owner, user)
    before = len(world.told())
    events = [(user, n) for user, cards in lives.items() for n in range(len(cards))]
    assert len(events) >= 2_000

    for user, n in shuffled_with_duplicates(events, 5, dice.randint):
        # The event of a version is heard after it: what is read is that version or a later one.
        profiles.cards[user] = lives[user][dice.randint(n, len(lives[user]) - 1)]
        kind = "ProfileUpdated" if n % 7 not in (3, 6) else "UserSuspended"
        copies.refresh(told(kind, user_id=user))

    for (_, user), member in world.organizations.members.items():
        if user in lives:
            card = lives[user][-1]
            assert (member.name, member.barred) == (card.name, card.is_suspended), f"seed {seed}"
    assert len(world.told()) == before
