"""Looking at an invitation, accepting it, declining it; and what no token opens (row 7)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tenantry.errors import (
    AlreadyMemberError,
    ForbiddenError,
    InvalidInputError,
    InvitationForOtherError,
    InvitationInvalidError,
    LimitExceededError,
    TenantryError,
)
from tenantry.invitations.model import VALID, InvitationStatus, Kind, LinkStatus, Token
from tenantry.messaging.stamp import Cause
from tenantry.organizations import seats
from tenantry.persistence.keys import key
from tenantry.tenancy.access import MemberStatus
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.roles import Role
from tests.support.invitations import ACME, BOB, Acme


@pytest.fixture
def bob(acme: Acme) -> Caller:
    return acme.add_person("bob", BOB, name="Bob")


def invited(acme: Acme, **more: Any) -> str:
    """The token of an invitation that was mailed to Bob."""
    acme.invite(**more)
    return acme.token()


def test_a_landing_page_shows_who_invites_to_what_and_the_address_masked(acme: Acme) -> None:
    acme.change_member("ada", name="Ada")
    shown = acme.doors.preview(invited(acme, role="VIEWER"))

    assert shown is not None
    assert (shown.organization_name, shown.inviter_name) == ("Acme & Söhne", "Ada")
    assert (shown.masked_email, shown.role) == ("b***@e***.com", Role.VIEWER)


def test_who_accepts_is_a_member_on_the_seat_that_was_held(acme: Acme, bob: Caller) -> None:
    token = invited(acme, role="ADMIN")

    joined = acme.doors.accept(bob, token)

    assert (joined.organization_id, joined.role) == (ACME, Role.ADMIN)
    assert acme.members() == {"ada": "ACTIVE", "bob": "ACTIVE"}
    assert acme.seats == acme.seats_by_rows() == 2
    assert sorted(acme.told()) == ["InvitationAccepted", "MemberJoined"]
    [member] = [m for m in acme.items("MEMBER#") if m["entity_id"] == "bob"]
    assert (member["name"], member["email"], member["role"]) == ("Bob", BOB, "ADMIN")


def test_an_owner_makes_an_owner_who_is_counted(acme: Acme, bob: Caller) -> None:
    acme.doors.accept(bob, invited(acme, role="OWNER"))

    organization = acme.table.get({"PK": f"ORG#{ACME}", "SK": "ORGANIZATION"})
    assert organization is not None
    assert organization["owners"] == 2


def test_who_was_removed_comes_back_with_nothing_of_what_they_were(acme: Acme, bob: Caller) -> None:
    acme.add_member("bob", Role.ADMIN, MemberStatus.REMOVED, counted=False)
    acme.change_member("bob", extra_permissions=["x"])

    acme.doors.accept(bob, invited(acme, role="VIEWER"))

    [member] = [m for m in acme.items("MEMBER#") if m["entity_id"] == "bob"]
    assert (member["role"], member["status"], member["entity_version"]) == ("VIEWER", "ACTIVE", 2)
    assert "extra_permissions" not in member
    assert acme.seats == acme.seats_by_rows() == 2


def _removed(acme: Acme, caller: Caller, **how: Any) -> None:
    now = acme.clock()
    acme.change_member(
        caller.user_id, **{"status": "REMOVED", "removed_at": now.isoformat(), **how}
    )
    acme.table.transact([seats.release(ACME)])
    acme.clock.advance(timedelta(minutes=1))


def test_who_was_removed_is_not_let_back_by_the_same_link_but_by_name(
    acme: Acme, bob: Caller
) -> None:
    link = linked(acme)
    acme.doors.accept(bob, link)
    _removed(acme, bob)

    with pytest.raises(InvitationInvalidError, match="by name"):
        acme.doors.accept(bob, link)
    claim = acme.doors.claim(link, BOB)
    assert acme.doors.join(claim, "bob", BOB, "Bob", Cause()) is None
    [found] = acme.service.links(acme.ada, None, None).items
    assert (acme.members()["bob"], found.uses) == ("REMOVED", 1)

    acme.doors.accept(bob, invited(acme))
    assert acme.members()["bob"] == "ACTIVE"
    assert acme.seats == acme.seats_by_rows() == 2


def test_who_left_comes_back_by_a_link(acme: Acme, bob: Caller) -> None:
    link = linked(acme)
    acme.doors.accept(bob, link)
    _removed(acme, bob, left=True, removed_at=None)

    assert acme.doors.accept(bob, link)
    assert acme.members()["bob"] == "ACTIVE"


def test_an_invitation_that_was_open_when_they_were_removed_lets_nobody_back(
    acme: Acme, bob: Caller
) -> None:
    """They had come in another way; sent again since, it is meant for who they are now."""
    made = acme.invite()
    token = acme.token()
    acme.doors.accept(bob, linked(acme))
    _removed(acme, bob)

    with pytest.raises(InvitationInvalidError, match="by name"):
        acme.doors.accept(bob, token)
    acme.service.resend(acme.ada, made.invitation_id)

    assert acme.doors.accept(bob, acme.token())
    assert acme.seats == acme.seats_by_rows() == 2


# row 7: what is tried with a token


def _replayed(acme: Acme, token: str, bob: Caller) -> str:
    acme.doors.accept(bob, token)
    acme.change_member("bob", status="REMOVED")
    return token


def _expired(acme: Acme, token: str, _bob: Caller) -> str:
    """DynamoDB has not deleted it, and no sweep has been."""
    acme.clock.advance(VALID)
    return token


def _revoked(acme: Acme, token: str, _bob: Caller) -> str:
    acme.service.revoke(acme.ada, Token.read(token).invitation_id)  # type: ignore[union-attr]
    return token


def _sent_again(acme: Acme, token: str, _bob: Caller) -> str:
    acme.service.resend(acme.ada, Token.read(token).invitation_id)  # type: ignore[union-attr]
    return token


def _declined(acme: Acme, token: str, _bob: Caller) -> str:
    acme.doors.decline(token, Cause())
    return token


def _guessed(_acme: Acme, token: str, _bob: Caller) -> str:
    return token.rpartition("~")[0] + "~" + "A" * 43


def _of_another_organisation(_acme: Acme, token: str, _bob: Caller) -> str:
    return token.replace(f"~{ACME}~", "~other~")


def _as_a_link(_acme: Acme, token: str, _bob: Caller) -> str:
    return "l" + token[1:]


def _inviter_removed(acme: Acme, token: str, _bob: Caller) -> str:
    acme.change_member("ada", status="REMOVED")
    return token


def _inviter_suspended(acme: Acme, token: str, _bob: Caller) -> str:
    acme.change_member("ada", status="SUSPENDED")
    return token


def _inviter_lowered(acme: Acme, token: str, _bob: Caller) -> str:
    acme.change_member("ada", role="MEMBER")
    return token


def _role_raised(acme: Acme, token: str, _bob: Caller) -> str:
    """Somebody with access to the table made more of it than its inviter may give."""
    acme.change_member("ada", role="ADMIN")
    [item] = acme.items("INVITATION#")
    acme.put({"PK": item["PK"], "SK": item["SK"]}, role="OWNER")
    return token


def _inviter_barred(acme: Acme, token: str, _bob: Caller) -> str:
    acme.change_member("ada", barred=True)
    return token


def _organisation_suspended(acme: Acme, token: str, _bob: Caller) -> str:
    acme.change_organization(status="SUSPENDED")
    return token


TRIED: dict[str, Callable[[Acme, str, Caller], str]] = {
    "replayed": _replayed,
    "expired": _expired,
    "revoked": _revoked,
    "of a mail before": _sent_again,
    "declined": _declined,
    "guessed": _guessed,
    "of another organisation": _of_another_organisation,
    "as if of a link": _as_a_link,
    "inviter removed": _inviter_removed,
    "inviter suspended": _inviter_suspended,
    "inviter suspended by the platform": _inviter_barred,
    "inviter lowered": _inviter_lowered,
    "role raised": _role_raised,
    "organisation suspended": _organisation_suspended,
}


@pytest.mark.parametrize("tried", TRIED)
def test_a_token_that_must_not_open_opens_nothing_and_never_says_why(
    acme: Acme, bob: Caller, tried: str
) -> None:
    token = TRIED[tried](acme, invited(acme, role="MANAGER"), bob)
    before = acme.members()

    with pytest.raises(InvitationInvalidError) as refused:
        acme.doors.accept(bob, token)

    assert refused.value.code == "INVITATION_INVALID"
    assert acme.members() == before
    assert acme.doors.preview(token) is None
    with pytest.raises(InvalidInputError):
        acme.doors.claim(token, BOB)


def test_without_a_voucher_the_transaction_would_let_them_in(
    acme: Acme, bob: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of the inviter's rows."""
    token = _inviter_removed(acme, invited(acme), bob)
    original = type(acme.table).transact
    monkeypatch.setattr(
        type(acme.table), "transact", lambda self, writes: original(self, writes[:3])
    )

    assert acme.doors.accept(bob, token)


def test_were_the_secret_not_compared_a_guess_would_open(
    acme: Acme, bob: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of the guess."""
    token = _guessed(acme, invited(acme), bob)
    monkeypatch.setattr("tenantry.invitations.service.is_among", lambda *_: True)

    assert acme.doors.accept(bob, token)


@pytest.mark.parametrize("nonsense", ["", "x", "m~acme~1", "~~~", "m~acme~no-such~" + "A" * 43])
def test_what_is_no_token_opens_nothing(acme: Acme, bob: Caller, nonsense: str) -> None:
    assert acme.doors.preview(nonsense) is None
    with pytest.raises(InvitationInvalidError):
        acme.doors.accept(bob, nonsense)
    with pytest.raises(InvitationInvalidError):
        acme.doors.decline(nonsense, Cause())


def test_another_address_does_not_accept(acme: Acme) -> None:
    eve = acme.add_person("eve", "eve@example.com")
    token = invited(acme)

    with pytest.raises(InvitationForOtherError):
        acme.doors.accept(eve, token)
    with pytest.raises(InvalidInputError):
        acme.doors.claim(token, "eve@example.com")
    assert acme.members() == {"ada": "ACTIVE"}


def test_whom_the_platform_has_suspended_does_not_accept(acme: Acme) -> None:
    bob = acme.add_person("bob", BOB, status="SUSPENDED")

    with pytest.raises(ForbiddenError, match="suspended"):
        acme.doors.accept(bob, invited(acme))
    assert acme.members() == {"ada": "ACTIVE"}


def test_an_address_that_the_pool_does_not_vouch_for_does_not_accept(acme: Acme) -> None:
    unproven = acme.add_person("bob", BOB, proven=False)

    with pytest.raises(InvitationForOtherError, match="verif"):
        acme.doors.accept(unproven, invited(acme))
    with pytest.raises(InvitationForOtherError):
        acme.doors.accept(Caller(user_id="nobody"), acme.token())


def test_a_member_is_told_so_and_the_seat_is_free_again(acme: Acme, bob: Caller) -> None:
    token = invited(acme)
    acme.add_member("bob", Role.VIEWER)
    assert acme.seats == 3

    with pytest.raises(AlreadyMemberError):
        acme.doors.accept(bob, token)

    assert acme.seats == acme.seats_by_rows() == 2
    [item] = acme.items("INVITATION#")
    assert item["status"] == "DECLINED"


def test_declining_needs_no_account_and_frees_the_seat(acme: Acme) -> None:
    token = invited(acme)

    acme.doors.decline(token, Cause())

    assert acme.seats == acme.seats_by_rows() == 1
    assert acme.told() == ["InvitationDeclined"]
    with pytest.raises(InvitationInvalidError):
        acme.doors.decline(token, Cause())


# new people


def test_a_mailed_token_is_claimed_by_its_hash_and_joins_once(acme: Acme) -> None:
    token = invited(acme, role="MANAGER")

    claim = acme.doors.claim(token, BOB)
    joined = [acme.doors.join(claim, "bob", BOB, "Bob", Cause()) for _ in range(3)]

    assert claim.is_mailed
    assert token.rpartition("~")[2] not in repr(claim)
    assert joined == [ACME] * 3
    assert acme.members() == {"ada": "ACTIVE", "bob": "ACTIVE"}
    assert acme.seats == 2


def test_a_claim_whose_invitation_is_over_joins_nothing_and_is_reported(acme: Acme) -> None:
    claim = acme.doors.claim(invited(acme), BOB)
    acme.service.revoke(acme.ada, claim.invitation_id)

    assert acme.doors.join(claim, "bob", BOB, None, Cause()) is None
    assert acme.doors.join(claim, "eve", "eve@example.com", None, Cause()) is None
    assert [tenant_id for _, tenant_id in acme.reported] == [ACME, ACME]


def test_a_claim_of_another_address_joins_nothing(acme: Acme) -> None:
    claim = acme.doors.claim(invited(acme), BOB)

    assert acme.doors.join(claim, "eve", "eve@example.com", None, Cause()) is None


# links


def linked(acme: Acme, **more: object) -> str:
    values = {"domains": ["Example.com"], "maxUses": 2, **more}
    acme.service.create_link(acme.ada, values)
    acme.deliver()
    return acme.tokens("ada@acme.example")[-1]


def test_a_link_is_mailed_to_who_made_it_and_shows_whom_it_is_for(acme: Acme) -> None:
    shown = acme.doors.preview(linked(acme))

    assert shown is not None
    assert (shown.domains, shown.masked_email) == (("example.com",), None)
    assert acme.seats == 1


def test_a_link_takes_seats_as_it_is_used_and_is_used_up(acme: Acme) -> None:
    token = linked(acme)

    for number in range(2):
        person = acme.add_person(f"p{number}", f"p{number}@example.com")
        assert acme.doors.accept(person, token).role is Role.MEMBER
    late = acme.add_person("late", "late@example.com")
    with pytest.raises(InvitationInvalidError):
        acme.doors.accept(late, token)

    assert acme.seats == acme.seats_by_rows() == 3
    [link] = acme.service.links(acme.ada, None, None).items
    assert (link.uses, link.status_at(acme.clock())) == (2, LinkStatus.USED_UP)


def test_a_link_is_for_its_domains_and_for_the_organisations(acme: Acme) -> None:
    token = linked(acme)

    for email in ("eve@other.example", "eve@sub.example.com"):
        with pytest.raises(InvitationForOtherError):
            acme.doors.accept(acme.add_person("eve", email), token)
    acme.change_organization(settings={"allowed_domains": ["acme.example"]})
    with pytest.raises(InvitationForOtherError):
        acme.doors.accept(acme.add_person("bob", BOB), token)


def test_a_link_proves_nobodys_mailbox(acme: Acme) -> None:
    claim = acme.doors.claim(linked(acme), BOB)

    assert not claim.is_mailed
    assert acme.doors.join(claim, "bob", BOB, None, Cause()) == ACME


def test_no_seat_no_use_of_a_link(acme: Acme, bob: Caller) -> None:
    token = linked(acme)
    acme.change_organization(used_users=25)

    with pytest.raises(LimitExceededError):
        acme.doors.accept(bob, token)
    claim = acme.doors.claim(token, BOB)
    assert acme.doors.join(claim, "bob", BOB, None, Cause()) is None
    [link] = acme.service.links(acme.ada, None, None).items
    assert link.uses == 0


@pytest.mark.parametrize("tried", ["revoked", "expired", "creator removed", "creator lowered"])
def test_a_link_that_must_not_open_opens_nothing(acme: Acme, bob: Caller, tried: str) -> None:
    token = linked(acme, role="ADMIN")
    link_id = Token.read(token).invitation_id  # type: ignore[union-attr]
    match tried:
        case "revoked":
            acme.service.revoke_link(acme.ada, link_id)
        case "expired":
            acme.clock.advance(VALID)
        case "creator removed":
            acme.change_member("ada", status="REMOVED")
        case "creator lowered":
            acme.change_member("ada", role="MANAGER")

    with pytest.raises(InvitationInvalidError):
        acme.doors.accept(bob, token)
    assert acme.doors.preview(token) is None


def test_a_link_is_not_declined_and_makes_no_owner(acme: Acme) -> None:
    with pytest.raises(InvitationInvalidError):
        acme.doors.decline(linked(acme), Cause())
    with pytest.raises(InvalidInputError, match="OWNER"):
        linked(acme, role="OWNER")


@pytest.mark.parametrize(
    "values",
    [
        {"domains": []},
        {"domains": ["not a domain"]},
        {"domains": ["x.example"] * 21},
        {"maxUses": 0},
        {"maxUses": 1001},
        {"maxUses": True},
        {"role": "KING"},
    ],
)
def test_a_link_is_limited_by_domain_and_uses(acme: Acme, values: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError):
        linked(acme, **values)


def test_revoking_a_link_twice_is_once(acme: Acme) -> None:
    link_id = Token.read(linked(acme)).invitation_id  # type: ignore[union-attr]

    first = acme.service.revoke_link(acme.ada, link_id)
    again = acme.service.revoke_link(acme.ada, link_id)

    assert first.status is again.status is LinkStatus.REVOKED
    assert acme.told() == ["InvitationLinkRevoked"]


# mails


def test_the_invitation_is_mailed_in_its_language_with_what_was_written(acme: Acme) -> None:
    acme.change_organization(
        settings={"branding": {"primary_color": "#aa3300", "support_email": "help@acme.example"}}
    )
    acme.invite(locale="de-AT", message="Willkommen!\n<b>Ada</b>")
    acme.deliver()

    [mail] = acme.mailbox.to(BOB)
    assert mail.subject == "Ada lädt Sie zu Acme & Söhne ein"
    assert "> <b>Ada</b>" in mail.text
    assert "&lt;b&gt;Ada&lt;/b&gt;" in mail.html
    assert "#aa3300" in mail.html
    assert "help@acme.example" in mail.text


def test_what_could_be_an_advertisement_is_left_out_of_the_mail(acme: Acme) -> None:
    acme.change_organization(name="Win at evil.example")
    acme.add_person("ada", "ada@acme.example", name="Call 0190 123456")
    acme.invite()
    acme.deliver()

    [mail] = acme.mailbox.to(BOB)
    assert mail.subject == "Somebody invites you to an organisation"
    assert "evil" not in mail.text + mail.html
    assert "0190" not in mail.text + mail.html


def test_a_mail_delivered_twice_leaves_both_tokens_valid(acme: Acme, bob: Caller) -> None:
    acme.invite()
    [invited_event] = acme.envelopes()
    acme.mails.send(invited_event)
    acme.markers.seen.clear()  # as after a stop between the mail and its marker
    acme.mails.send(invited_event)

    first, second = acme.tokens()
    assert first != second
    assert acme.doors.preview(first) is not None
    assert acme.doors.preview(second) is not None
    assert acme.doors.accept(bob, first)
    with pytest.raises(InvitationInvalidError):
        acme.doors.accept(bob, second)


def test_an_event_that_comes_again_sends_nothing_again(acme: Acme) -> None:
    acme.invite()
    acme.deliver(times=5)

    assert len(acme.mailbox.to(BOB)) == 1


def test_the_mail_of_an_invitation_that_is_over_by_then_is_not_sent(acme: Acme) -> None:
    made = acme.invite()
    late = acme.envelopes()
    acme.service.resend(acme.ada, made.invitation_id)
    again = acme.envelopes()
    acme.service.revoke(acme.ada, made.invitation_id)

    assert [acme.mails.send(event) for event in (*late, *again)] == [False, False]
    assert acme.mailbox.sent == []


def test_no_mail_leaves_a_suspended_organisation(acme: Acme) -> None:
    acme.invite()
    acme.change_organization(status="SUSPENDED")
    acme.deliver()

    assert acme.mailbox.sent == []


def test_a_mail_that_cannot_be_sent_is_tried_again(acme: Acme) -> None:
    acme.invite()
    acme.mailbox.down = True
    with pytest.raises(TenantryError):
        acme.deliver()
    acme.mailbox.down = False

    assert acme.doors.preview(acme.token()) is not None


def test_the_inviter_hears_who_has_joined(acme: Acme, bob: Caller) -> None:
    acme.doors.accept(bob, invited(acme))
    acme.deliver()

    [mail] = acme.mailbox.to("ada@acme.example")
    assert mail.subject == f"{BOB} has joined Acme & Söhne"


def test_an_inviter_who_left_hears_nothing(acme: Acme, bob: Caller) -> None:
    acme.doors.accept(bob, invited(acme))
    acme.change_member("ada", status="REMOVED")
    acme.deliver()

    assert acme.mailbox.to("ada@acme.example") == []


def test_no_token_and_none_of_its_hashes_is_told(acme: Acme, bob: Caller) -> None:
    acme.invite(message="canary message")
    token = acme.token()
    acme.doors.accept(bob, token)
    link = linked(acme)

    told = "".join(envelope.model_dump_json() for envelope in acme.envelopes())
    for text in (token, link):
        read = Token.read(text)
        assert read is not None
        assert text.rpartition("~")[2] not in told
        assert read.hash not in told
    for personal in (BOB, "canary", "Ada", "ada@acme.example"):
        assert personal not in told
    stored = "".join(str(item) for item in acme.items())
    assert token.rpartition("~")[2] not in stored
    assert link.rpartition("~")[2] not in stored


# on time


def test_an_invitation_ends_on_time_and_gives_its_seat_back_once(acme: Acme) -> None:
    made = acme.invite()
    acme.clock.advance(VALID - timedelta(seconds=1))
    acme.sweep.run()
    assert acme.stored(made).status is InvitationStatus.PENDING

    acme.clock.advance(timedelta(seconds=2))
    swept = [acme.sweep.run().expired for _ in range(3)]

    assert swept == [1, 0, 0]
    assert acme.stored(made).status is InvitationStatus.EXPIRED
    assert acme.seats == acme.seats_by_rows() == 1
    assert acme.told() == ["InvitationExpired"]


def test_who_has_not_answered_is_reminded_once_with_a_token_of_their_own(
    acme: Acme, bob: Caller
) -> None:
    made = acme.invite()
    first = acme.token()
    acme.clock.advance(timedelta(days=5, seconds=1))

    swept = [acme.sweep.run().reminded for _ in range(3)]
    second = acme.token()

    assert swept == [1, 0, 0]
    assert first != second
    assert len(acme.mailbox.to(BOB)) == 2
    assert "ends soon" in acme.mailbox.to(BOB)[-1].subject
    assert acme.doors.preview(first) is not None
    assert acme.doors.accept(bob, second)
    assert acme.stored(made).status is InvitationStatus.ACCEPTED


def test_links_end_on_time_too(acme: Acme) -> None:
    linked(acme)
    acme.clock.advance(VALID + timedelta(seconds=1))

    assert acme.sweep.run().expired == 1
    assert acme.sweep.run().expired == 0
    [link] = acme.service.links(acme.ada, None, None).items
    assert link.status is LinkStatus.EXPIRED


@pytest.mark.parametrize("broken", [{"email": None}, {"status": "NONSENSE"}])
def test_an_invitation_that_cannot_be_read_keeps_no_other_open(
    acme: Acme, broken: dict[str, Any]
) -> None:
    made = [acme.invite(f"p{number}@example.com") for number in range(3)]
    acme.put(key(f"ORG#{ACME}", f"INVITATION#{made[0].invitation_id}"), **broken)
    acme.clock.advance(VALID + timedelta(seconds=1))
    reported: list[str] = []
    sweep = replace(acme.sweep, report=lambda _what, own: reported.append(own))

    assert sweep.run().expired == 2
    assert reported == [ACME]


def test_a_sweep_stops_at_its_bound_and_the_next_goes_on(acme: Acme) -> None:
    for number in range(10):
        acme.invite(f"p{number}@example.com")
    acme.clock.advance(VALID + timedelta(seconds=1))
    bounded = type(acme.sweep)(acme.repository, acme.stamp, most=4)

    swept = [bounded.run() for _ in range(4)]

    assert [each.expired for each in swept] == [4, 4, 2, 0]
    assert [each.left for each in swept] == [True, True, False, False]
    assert acme.seats == acme.seats_by_rows() == 1


def test_a_link_and_an_invitation_are_told_apart_by_their_tokens(acme: Acme) -> None:
    assert Token.read(linked(acme)).kind is Kind.LINK  # type: ignore[union-attr]
    assert Token.read(invited(acme)).kind is Kind.MAIL  # type: ignore[union-attr]
