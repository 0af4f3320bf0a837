"""Where invitations are kept: the same on the table in memory and on DynamoDB."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from tenantry.errors import (
    AlreadyMemberError,
    ConflictError,
    InvitationInvalidError,
    InvitationQuotaError,
    LimitExceededError,
    OrganizationSuspendedError,
)
from tenantry.invitations.events import InvitationAccepted, InvitationRevoked, MemberInvited
from tenantry.invitations.model import (
    HASHES,
    VALID,
    Invitation,
    InvitationLink,
    InvitationStatus,
    Kind,
    Quota,
)
from tenantry.invitations.repository import Due, Entry, Host
from tenantry.messaging.event import Event
from tenantry.messaging.stamp import Cause, Stamp
from tenantry.organizations import seats
from tenantry.persistence.keys import key
from tenantry.tenancy.access import MemberStatus
from tenantry.tenancy.roles import Role, givers_of
from tests.support.clock import FakeClock
from tests.support.fakes.table import InMemoryTable
from tests.support.invitations import ACME, BOB, Acme

MANY = Quota(1000, None)


@pytest.fixture(params=["in-memory", "dynamodb"])
def acme(request: pytest.FixtureRequest, clock: FakeClock, stamp: Stamp) -> Acme:
    if request.param == "in-memory":
        return Acme(InMemoryTable("platform"), clock, stamp)
    return Acme(request.getfixturevalue("platform_table"), clock, stamp)


def offer(acme: Acme, email: str = BOB, role: Role = Role.MEMBER) -> Invitation:
    now = acme.clock()
    return Invitation(
        tenant_id=ACME,
        invitation_id=acme.stamp.new_id(),
        email=email,
        role=role,
        inviter_id="ada",
        created_at=now,
        expires_at=now + VALID,
    )


def host(acme: Acme, *emails: str) -> Host:
    found = acme.repository.host(ACME, emails)
    assert found is not None
    return found


def invited(acme: Acme, invitation: Invitation) -> Event:
    data = MemberInvited(
        organization_id=ACME,
        invitation_id=invitation.invitation_id,
        role=invitation.role,
        inviter_id="ada",
        generation=1,
    )
    return acme.stamp.event(data, Cause())


def created(acme: Acme, invitation: Invitation | None = None, quota: Quota = MANY) -> Invitation:
    invitation = invitation or offer(acme)
    found = host(acme, invitation.email)
    last_id = found.latest_ids.get(invitation.email)
    acme.repository.create(
        invitation, found.organization, last_id, quota, invited(acme, invitation)
    )
    return invitation


def ended(acme: Acme, before: Invitation) -> Invitation:
    after = before.ended(InvitationStatus.REVOKED, acme.clock())
    data = InvitationRevoked(organization_id=ACME, invitation_id=before.invitation_id)
    acme.repository.end(before, after, acme.stamp.event(data, Cause()))
    return after


def accepting(acme: Acme, invitation: Invitation, **changed: object) -> Callable[[], None]:
    joined = seats.joined(ACME, "bob", invitation.role, "invitation")
    entry = Entry(
        "bob", invitation.role, acme.clock(), acme.stamp.event(joined, Cause()), "Bob", BOB
    )
    accepted = InvitationAccepted(
        organization_id=ACME,
        invitation_id=invitation.invitation_id,
        user_id="bob",
        role=invitation.role,
        inviter_id="ada",
    )
    after = invitation.ended(InvitationStatus.ACCEPTED, acme.clock(), by="bob")
    return lambda: acme.repository.accept(
        invitation,
        after,
        acme.stamp.event(accepted, Cause()),
        replace(entry, **changed),  # type: ignore[arg-type]
        givers_of(invitation.role),
    )


def test_what_is_created_is_found_by_its_id_and_by_its_address(acme: Acme) -> None:
    made = created(acme)

    assert acme.repository.get(ACME, made.invitation_id) == made
    assert host(acme, BOB, "other@x.example").latest == {BOB: made}
    assert acme.repository.host("nowhere", [BOB]) is None
    assert acme.seats == 2


def test_of_two_made_for_one_address_the_second_is_refused(acme: Acme) -> None:
    found = host(acme, BOB)
    created(acme)
    late = offer(acme)

    with pytest.raises(ConflictError):
        acme.repository.create(late, found.organization, None, MANY, invited(acme, late))
    assert acme.seats == 2
    assert acme.repository.get(ACME, late.invitation_id) is None


def test_an_address_is_invited_again_when_its_last_invitation_is_gone(acme: Acme) -> None:
    """DynamoDB deletes one some time after its end; that it was the latest one stays known."""
    gone = ended(acme, created(acme))
    acme.table.delete(key(f"ORG#{ACME}", f"INVITATION#{gone.invitation_id}"))

    found = host(acme, BOB)
    assert (found.latest, found.latest_ids) == ({}, {BOB: gone.invitation_id})
    again = created(acme)

    assert host(acme, BOB).latest == {BOB: again}
    late = offer(acme)
    with pytest.raises(ConflictError):
        acme.repository.create(
            late, found.organization, gone.invitation_id, MANY, invited(acme, late)
        )


def test_no_seat_or_another_plan_refuses(acme: Acme) -> None:
    found = host(acme, BOB)
    acme.change_organization(used_users=25)
    with pytest.raises(LimitExceededError):
        created(acme)
    acme.change_organization(plan="FREE")
    late = offer(acme)
    with pytest.raises(ConflictError):
        acme.repository.create(late, found.organization, None, MANY, invited(acme, late))


def test_mails_are_counted_by_day_and_for_ever(acme: Acme) -> None:
    for number in range(2):
        created(acme, offer(acme, f"p{number}@x.example"), Quota(2, 3))
    with pytest.raises(InvitationQuotaError, match="day") as refused:
        created(acme, offer(acme, "p2@x.example"), Quota(2, 3))
    tomorrow = (acme.clock() + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    assert refused.value.details == {"resetsAt": tomorrow.isoformat()}
    acme.clock.advance(timedelta(days=1))
    last = created(acme, offer(acme, "p3@x.example"), Quota(2, 3))
    with pytest.raises(InvitationQuotaError, match="plan") as for_good:
        created(acme, offer(acme, "p4@x.example"), Quota(2, 3))
    assert for_good.value.details == {}
    again = last.sent_again("ada", acme.clock())
    with pytest.raises(InvitationQuotaError):
        acme.repository.send_again(last, again, Quota(2, 3), invited(acme, last))
    acme.repository.send_again(last, again, MANY, invited(acme, last))
    assert acme.repository.get(ACME, last.invitation_id) == again


def test_ending_gives_the_seat_back_once(acme: Acme) -> None:
    made = created(acme)

    after = ended(acme, made)

    assert acme.repository.get(ACME, made.invitation_id) == after
    assert acme.seats == 1
    with pytest.raises(ConflictError):
        ended(acme, made)
    assert acme.seats == 1


def test_hashes_are_kept_for_one_generation_and_only_the_newest(acme: Acme) -> None:
    made = created(acme)

    for number in range(HASHES + 1):
        assert acme.repository.add_hash(made, f"h{number}")

    stored = acme.stored(made)
    assert stored.token_hashes == tuple(f"h{n}" for n in range(1, HASHES + 1))
    assert stored.entity_version == 1
    again = stored.sent_again("ada", acme.clock())
    acme.repository.send_again(stored, again, MANY, invited(acme, made))
    assert not acme.repository.add_hash(made, "late")
    assert acme.stored(made).token_hashes == ()
    ended(acme, again)
    assert not acme.repository.add_hash(again, "late")
    assert not acme.repository.add_hash(offer(acme), "of nothing")


def test_accepting_uses_the_invitation_and_makes_the_member(acme: Acme) -> None:
    made = created(acme)

    accepting(acme, made)()

    assert acme.stored(made).status is InvitationStatus.ACCEPTED
    assert acme.members()["bob"] == "ACTIVE"
    assert acme.seats == acme.seats_by_rows() == 2
    with pytest.raises(ConflictError):
        accepting(acme, made)()


def test_an_ended_membership_goes_on_at_its_version(acme: Acme) -> None:
    acme.add_member("bob", Role.ADMIN, MemberStatus.REMOVED, counted=False)
    made = created(acme)

    with pytest.raises(ConflictError):
        accepting(acme, made)()
    with pytest.raises(ConflictError):
        accepting(acme, made, after=7)()
    accepting(acme, made, after=1)()

    assert acme.members()["bob"] == "ACTIVE"


def test_who_stands_in_the_way_of_accepting_is_told(acme: Acme) -> None:
    made = created(acme, offer(acme, role=Role.ADMIN))

    acme.change_member("ada", role="MANAGER")
    with pytest.raises(InvitationInvalidError):
        accepting(acme, made)()
    acme.change_member("ada", role="OWNER")
    acme.change_organization(status="SUSPENDED")
    with pytest.raises(OrganizationSuspendedError):
        accepting(acme, made)()
    acme.change_organization(status="ACTIVE")
    acme.add_member("bob", Role.MEMBER)
    with pytest.raises(AlreadyMemberError):
        accepting(acme, made)()
    assert acme.stored(made).status is InvitationStatus.PENDING


def _link(acme: Acme, uses: int = 1) -> InvitationLink:
    acme.service.create_link(acme.ada, {"domains": ["example.com"], "maxUses": uses})
    [link] = acme.service.links(acme.ada, None, None).items
    return link


def _use(acme: Acme, link: InvitationLink, user_id: str) -> None:
    joined = acme.stamp.event(seats.joined(ACME, user_id, link.role, "invitation"), Cause())
    entry = Entry(user_id, link.role, acme.clock(), joined, None, BOB)
    acme.repository.accept_link(link, host(acme).organization, entry, givers_of(link.role))


def test_a_link_takes_a_use_and_a_seat_together_or_neither(acme: Acme) -> None:
    link = _link(acme)
    acme.change_organization(used_users=25)
    with pytest.raises(LimitExceededError):
        _use(acme, link, "bob")
    acme.change_organization(used_users=1)
    _use(acme, link, "bob")
    with pytest.raises(ConflictError):
        _use(acme, link, "eve")
    stored = acme.repository.get_link(ACME, link.link_id)
    assert stored is not None
    assert (stored.uses, acme.seats) == (1, 2)
    assert acme.repository.add_hash(link, "h")


def test_a_link_that_was_revoked_since_it_was_looked_at_lets_nobody_in(acme: Acme) -> None:
    link = _link(acme)
    acme.service.revoke_link(acme.ada, link.link_id)

    with pytest.raises(ConflictError):
        _use(acme, link, "bob")
    assert acme.members() == {"ada": "ACTIVE"}


def test_what_is_due_is_found_and_what_has_ended_is_not(acme: Acme) -> None:
    made = [created(acme, offer(acme, f"p{n}@x.example")) for n in range(3)]
    link = _link(acme)
    ended(acme, made[0])

    assert list(acme.repository.due(acme.clock(), 100)) == []
    later = acme.clock() + VALID + timedelta(seconds=1)
    found = list(acme.repository.due(later, 100))

    expected = {Due(Kind.MAIL, ACME, i.invitation_id) for i in made[1:]}
    assert set(found) == expected | {Due(Kind.LINK, ACME, link.link_id)}
    assert len(list(acme.repository.due(later, 2))) == 2


def test_one_knock_finds_all_that_accepting_needs(acme: Acme) -> None:
    made = created(acme)
    acme.add_member("bob", Role.VIEWER)
    acme.add_person("bob", BOB, proven=False, name="Bob")

    knock = acme.repository.knock(Kind.MAIL, ACME, made.invitation_id, "bob")

    assert (knock.invitation, knock.link) == (made, None)
    assert knock.organization is not None
    assert knock.member is not None
    assert knock.person is not None
    assert (knock.member.role, knock.person.proven_email) == (Role.VIEWER, None)
    nothing = acme.repository.knock(Kind.LINK, ACME, made.invitation_id, None)
    assert (nothing.invitation, nothing.link, nothing.member) == (None, None, None)


def test_the_addresses_of_members_are_those_who_are(acme: Acme) -> None:
    acme.add_member("bob", Role.VIEWER, email=BOB)
    acme.add_member("gone", Role.VIEWER, MemberStatus.REMOVED, counted=False, email="g@x.example")

    assert acme.repository.member_emails(ACME) == {BOB}
