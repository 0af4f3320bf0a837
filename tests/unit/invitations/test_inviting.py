"""Inviting, sending again, revoking: who may, how often, and what it does to seats."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tenantry.errors import (
    AlreadyMemberError,
    ConflictError,
    EmailNotConfiguredError,
    ForbiddenError,
    InvalidInputError,
    InvitationQuotaError,
    LimitExceededError,
    NotAMemberError,
    NotFoundError,
    OrganizationSuspendedError,
)
from tenantry.invitations.model import KEPT, QUOTAS, VALID, InvitationStatus
from tenantry.organizations.model import PlanName
from tenantry.persistence.table import Page
from tenantry.tenancy.access import MemberStatus, Standing
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.roles import Role
from tests.support.invitations import ACME, BOB, Acme


def test_an_invitation_is_pending_holds_a_seat_and_is_told_without_what_it_holds(
    acme: Acme,
) -> None:
    made = acme.invite("Bob@EXAMPLE.com", role="ADMIN", message="Welcome!", locale="de")

    assert (made.email, made.role, made.status) == (BOB, Role.ADMIN, InvitationStatus.PENDING)
    assert made.expires_at == acme.clock() + VALID
    assert acme.seats == acme.seats_by_rows() == 2
    [told] = acme.envelopes()
    assert told.type == "MemberInvited"
    assert told.data == {
        "organization_id": ACME,
        "invitation_id": made.invitation_id,
        "role": "ADMIN",
        "inviter_id": "ada",
        "generation": 1,
    }
    assert told.actor.role == "OWNER"


def test_inviting_an_address_again_answers_the_open_invitation(acme: Acme) -> None:
    first = acme.invite(role="ADMIN")

    again = acme.invite("BOB@example.com", role="MEMBER", message="Hurry")

    assert again == first
    assert acme.seats == 2
    assert acme.told() == ["MemberInvited"]


def test_no_mail_no_invitation_and_it_says_so(acme: Acme) -> None:
    silent = replace(acme.service, sends_mail=False)

    with pytest.raises(EmailNotConfiguredError, match="SES"):
        silent.invite(acme.ada, {"email": BOB})
    with pytest.raises(EmailNotConfiguredError):
        silent.create_link(acme.ada, {"domains": ["a.example"], "maxUses": 1})
    assert acme.seats == 1


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({}, {"email"}),
        ({"email": "bob"}, {"email"}),
        ({"email": "bob@example.com\r\nBcc: x@y.z"}, {"email"}),
        ({"email": BOB, "role": "KING"}, {"role"}),
        ({"email": BOB, "message": "see www.evil.example"}, {"message"}),
        ({"email": BOB, "message": "x" * 1001}, {"message"}),
        ({"email": BOB, "locale": "x"}, {"locale"}),
        ({"email": BOB, "status": "ACCEPTED", "tenantId": "other"}, {"status", "tenantId"}),
        ({"email": "bob", "role": "KING"}, {"email", "role"}),
    ],
)
def test_what_is_wrong_is_said_at_once(
    acme: Acme, values: dict[str, object], fields: set[str]
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        acme.service.invite(acme.ada, values)

    assert {fault["field"] for fault in refused.value.faults} == fields


@pytest.mark.parametrize("holder", Role)
@pytest.mark.parametrize("role", Role)
def test_nobody_gives_more_than_they_hold(acme: Acme, holder: Role, role: Role) -> None:
    caller = acme.add_member("eve", holder)
    may = holder in (Role.OWNER, Role.ADMIN, Role.MANAGER) and list(Role).index(holder) <= list(
        Role
    ).index(role)

    if may:
        assert acme.invite(caller=caller, role=role.value).role is role
    else:
        with pytest.raises(ForbiddenError):
            acme.invite(caller=caller, role=role.value)
        assert acme.seats == 2


def test_a_manager_does_not_touch_what_only_an_administrator_may_give(acme: Acme) -> None:
    manager = acme.add_member("eve", Role.MANAGER)
    made = acme.invite(role="ADMIN")

    for use in (acme.service.resend, acme.service.revoke):
        with pytest.raises(ForbiddenError):
            use(manager, made.invitation_id)


def test_an_operator_in_a_support_session_invites_nobody(acme: Acme) -> None:
    standing = replace(acme.standing(acme.ada), support_session="s-1")
    service = replace(acme.service, access=_Always(standing))

    with pytest.raises(ForbiddenError, match="operator"):
        service.invite(acme.ada, {"email": BOB})


class _Always:
    def __init__(self, standing: Standing) -> None:
        self._standing = standing

    def standing(self, caller: Caller) -> Standing:
        return self._standing


def test_a_stranger_and_a_member_who_was_removed_invite_nobody(acme: Acme) -> None:
    acme.add_member("gone", Role.ADMIN, MemberStatus.REMOVED, counted=False)

    for user_id in ("stranger", "gone"):
        with pytest.raises(NotAMemberError):
            acme.invite(caller=Caller(user_id=user_id, tenant_id=ACME))


def test_an_organisation_that_is_suspended_invites_nobody(acme: Acme) -> None:
    acme.change_organization(status="SUSPENDED")

    with pytest.raises(OrganizationSuspendedError):
        acme.invite()


def test_only_addresses_of_its_domains_where_it_has_said_so(acme: Acme) -> None:
    acme.change_organization(settings={"allowed_domains": ["acme.example"]})

    with pytest.raises(InvalidInputError, match="own domains"):
        acme.invite()
    assert acme.invite("bob@acme.example")


def test_a_member_is_not_invited(acme: Acme) -> None:
    acme.add_member("bob", Role.MEMBER, email=BOB)
    acme.add_member(
        "gone", Role.MEMBER, MemberStatus.REMOVED, counted=False, email="gone@x.example"
    )

    with pytest.raises(AlreadyMemberError):
        acme.invite()
    assert acme.invite("gone@x.example")


def test_the_26th_seat_of_25_is_refused(acme: Acme) -> None:
    for number in range(24):
        acme.invite(f"p{number}@example.com")

    with pytest.raises(LimitExceededError):
        acme.invite("late@example.com")
    assert acme.seats == acme.seats_by_rows() == 25


def test_several_are_answered_each_for_itself(acme: Acme) -> None:
    acme.change_organization(plan="FREE")
    several = [
        {"email": "a@example.com"},
        {"email": "nobody"},
        {"email": "b@example.com", "role": "KING"},
        {"email": "A@example.com"},
        *({"email": f"p{n}@example.com"} for n in range(4)),
    ]

    outcomes = acme.service.invite_many(acme.ada, several)

    codes = [each.error.code if each.error else None for each in outcomes]
    assert codes == [
        None,
        "INVALID_INPUT",
        "INVALID_INPUT",
        None,
        None,
        None,
        None,
        "LIMIT_EXCEEDED",
    ]
    assert outcomes[0].invitation == outcomes[3].invitation
    assert acme.seats == 5


@pytest.mark.parametrize("count", [0, 101])
def test_several_are_one_to_a_hundred(acme: Acme, count: int) -> None:
    with pytest.raises(InvalidInputError):
        acme.service.invite_many(acme.ada, [{"email": BOB}] * count)


def test_revoking_frees_the_seat_once(acme: Acme) -> None:
    made = acme.invite()
    token = acme.token()

    revoked = acme.service.revoke(acme.ada, made.invitation_id)
    again = acme.service.revoke(acme.ada, made.invitation_id)

    assert revoked.status is again.status is InvitationStatus.REVOKED
    assert acme.seats == acme.seats_by_rows() == 1
    assert acme.doors.preview(token) is None


def test_who_was_revoked_is_invited_anew(acme: Acme) -> None:
    first = acme.invite()
    acme.service.revoke(acme.ada, first.invitation_id)

    second = acme.invite()

    assert second.invitation_id != first.invitation_id
    assert acme.seats == 2


def test_an_invitation_that_is_over_is_neither_sent_again_nor_revoked(acme: Acme) -> None:
    made = acme.invite()
    acme.clock.advance(VALID)

    with pytest.raises(ConflictError):
        acme.service.resend(acme.ada, made.invitation_id)
    acme.sweep.run()
    with pytest.raises(ConflictError):
        acme.service.revoke(acme.ada, made.invitation_id)
    with pytest.raises(NotFoundError):
        acme.service.revoke(acme.ada, "no-such")


def test_who_invites_over_one_that_expired_and_is_not_swept_yet_takes_no_second_seat(
    acme: Acme,
) -> None:
    first = acme.invite()
    acme.clock.advance(VALID)

    second = acme.invite()

    assert acme.stored(first).status is InvitationStatus.EXPIRED
    assert acme.stored(second).status is InvitationStatus.PENDING
    assert acme.seats == acme.seats_by_rows() == 2


def test_sending_again_lasts_seven_days_from_then_and_voids_the_mail_before(acme: Acme) -> None:
    made = acme.invite()
    before = acme.token()
    acme.clock.advance(timedelta(days=3))
    eve = acme.add_member("eve", Role.ADMIN)

    sent = acme.service.resend(eve, made.invitation_id)
    after = acme.token()

    assert (sent.generation, sent.inviter_id) == (2, "eve")
    assert sent.expires_at == acme.clock() + VALID
    assert before != after
    assert acme.doors.preview(before) is None
    assert acme.doors.preview(after) is not None
    assert acme.seats == 3


# limits that no loop escapes


def _loop(acme: Acme, times: int) -> int:
    """Invites and revokes until it is refused; answers how often that worked."""
    for number in range(times):
        try:
            made = acme.invite(f"p{number}@example.com")
        except InvitationQuotaError:
            return number
        acme.service.revoke(acme.ada, made.invitation_id)
    return times


def test_inviting_and_revoking_in_a_loop_ends_for_the_day(acme: Acme) -> None:
    acme.change_organization(plan="FREE")
    a_day = QUOTAS[PlanName.FREE].a_day

    assert _loop(acme, 1000) == a_day
    assert acme.seats == 1
    acme.clock.advance(timedelta(days=1))
    assert _loop(acme, 1) == 1


def test_and_on_an_unpaid_plan_for_good(acme: Acme) -> None:
    acme.change_organization(plan="FREE")
    ever = QUOTAS[PlanName.FREE].ever
    assert ever is not None
    sent = 0
    for _ in range(30):
        sent += _loop(acme, 1000)
        acme.clock.advance(timedelta(days=1))

    assert sent == ever
    acme.change_organization(plan="STARTER")
    assert _loop(acme, 1) == 1
    acme.change_organization(plan="FREE")
    assert _loop(acme, 1) == 0


def test_a_trial_is_no_paid_plan(acme: Acme) -> None:
    """Else whoever wants to send mails in our name would begin one."""
    acme.change_organization(plan="PROFESSIONAL", on_trial=True)
    a_day = QUOTAS[PlanName.FREE].a_day

    assert _loop(acme, 1000) == a_day
    with pytest.raises(InvitationQuotaError):
        acme.service.create_link(acme.ada, {"domains": ["x.example"], "maxUses": 1})
    acme.change_organization(on_trial=None)
    made = acme.invite()
    acme.change_organization(on_trial=True)
    with pytest.raises(InvitationQuotaError):
        acme.service.resend(acme.ada, made.invitation_id)


def test_a_plan_that_everybody_may_give_themselves_sends_no_more_than_a_free_one(
    acme: Acme,
) -> None:
    acme.change_organization(plan="ENTERPRISE")
    acme.service = replace(acme.service, trusts_plans=False)

    assert _loop(acme, 1000) == QUOTAS[PlanName.FREE].a_day
    with pytest.raises(InvitationQuotaError):
        acme.service.create_link(acme.ada, {"domains": ["x.example"], "maxUses": 1})


def test_mails_sent_again_and_links_count_too(acme: Acme) -> None:
    acme.change_organization(plan="FREE")
    made = acme.invite()
    acme.service.create_link(acme.ada, {"domains": ["x.example"], "maxUses": 1})
    for _ in range(QUOTAS[PlanName.FREE].a_day - 2):
        acme.service.resend(acme.ada, made.invitation_id)

    with pytest.raises(InvitationQuotaError):
        acme.service.resend(acme.ada, made.invitation_id)
    with pytest.raises(InvitationQuotaError):
        acme.service.create_link(acme.ada, {"domains": ["x.example"], "maxUses": 1})


def test_without_its_counters_the_loop_would_not_end(
    acme: Acme, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of the tests above."""
    acme.change_organization(plan="FREE")
    monkeypatch.setattr("tenantry.invitations.dynamodb._counted", lambda *_: ())

    assert _loop(acme, 150) == 150


# lists


@pytest.mark.parametrize("end", ["revoked", "expired"])
def test_who_was_invited_long_ago_is_invited_again(acme: Acme, end: str) -> None:
    """Of the last invitation nothing is left by then but that it was there."""
    made = acme.invite()
    if end == "revoked":
        acme.service.revoke(acme.ada, made.invitation_id)
    acme.clock.advance(VALID)
    acme.sweep.run()
    acme.clock.advance(KEPT)
    [item] = acme.items("INVITATION#")
    assert item["purge_at"] <= acme.clock().timestamp()
    acme.table.delete({"PK": item["PK"], "SK": item["SK"]})

    again = acme.invite()

    assert again.invitation_id != made.invitation_id
    assert acme.invite() == again
    assert acme.seats == acme.seats_by_rows() == 2


def test_invitations_come_newest_first_in_pages_and_by_what_they_are_now(acme: Acme) -> None:
    made = [acme.invite(f"p{n}@example.com") for n in range(5)]
    acme.service.revoke(acme.ada, made[1].invitation_id)

    first = acme.service.list(acme.ada, 2, None, None)
    rest = acme.service.list(acme.ada, 10, first.next_cursor, None)
    pending = acme.service.list(acme.ada, 10, None, "PENDING")
    acme.clock.advance(VALID)
    expired = acme.service.list(acme.ada, 2, None, "EXPIRED")
    more = acme.service.list(acme.ada, 2, expired.next_cursor, "EXPIRED")

    ids = [each.invitation_id for each in (*first.items, *rest.items)]
    assert ids == [each.invitation_id for each in reversed(made)]
    assert rest.next_cursor is None
    assert [each.email for each in pending.items] == [made[n].email for n in (4, 3, 2, 0)]
    assert [each.email for each in expired.items] == [made[4].email, made[3].email]
    assert [each.email for each in more.items] == [made[2].email, made[0].email]
    assert more.next_cursor is None


def test_a_status_that_few_invitations_have_is_found_by_bounded_work(
    acme: Acme, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that are over stay for months, and a page is to answer in time for one of them."""
    made = acme.invite("first@example.com")
    [item] = acme.items("INVITATION#")
    for n in range(2400):
        identity = f"z{n:05}"
        ended = {"status": "REVOKED", "invitation_id": identity, "entity_id": identity}
        acme.table.put({**item, **ended, "SK": f"INVITATION#{identity}"})
    query, queries = acme.table.query, list[int]()

    def counted(*arguments: Any, **named: Any) -> Page:
        queries.append(named["limit"])
        return query(*arguments, **named)

    monkeypatch.setattr(acme.table, "query", counted)

    pages, after = list[tuple[list[str], int]](), None
    while not pages or after:
        page = acme.service.list(acme.ada, 1, after, "PENDING")
        after = page.next_cursor
        pages.append(([each.invitation_id for each in page.items], len(queries)))
        queries.clear()

    assert pages == [([], 5), ([], 5), ([made.invitation_id], 3)]
    assert acme.service.list(acme.ada, 25, None, None).next_cursor
    assert queries == [26]


def test_members_and_viewers_do_not_see_who_is_invited(acme: Acme) -> None:
    for role in (Role.MEMBER, Role.VIEWER):
        caller = acme.add_member(role.lower(), role)
        with pytest.raises(ForbiddenError):
            acme.service.list(caller, None, None, None)
        with pytest.raises(ForbiddenError):
            acme.service.links(caller, None, None)
