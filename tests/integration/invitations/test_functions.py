"""The invitations' functions: what each field, route and message answers."""

import json
from typing import Any

import pytest

from functions.invitations import send_mails
from tenantry.invitations.model import VALID
from tests.integration.invitations.conftest import Functions
from tests.support.invitations import ACME, BOB
from tests.support.invocations import bus_event, queue_event, wire
from tests.support.lambda_context import lambda_context


def test_an_invitation_goes_from_the_api_through_the_mail_to_a_membership(
    functions: Functions,
) -> None:
    made = functions.invite(role="VIEWER", message="Welcome", locale="de")
    token = functions.token()
    functions.acme.add_person("bob", BOB, name="Bob")

    shown = functions.data("invitation", {"token": token}, user="bob", organization=None)
    joined = functions.data(
        "acceptOrganizationInvite", {"token": token}, user="bob", organization=None
    )
    listed = functions.data("invitations", {"first": 10})

    assert (made["status"], made["email"], made["role"]) == ("PENDING", BOB, "VIEWER")
    assert shown["email"] == "b***@e***.com"
    assert (joined["organizationId"], joined["role"]) == (ACME, "VIEWER")
    assert [each["status"] for each in listed["items"]] == ["ACCEPTED"]
    replayed = {"token": token}
    code = functions.code("acceptOrganizationInvite", replayed, user="bob", organization=None)
    assert code == "INVITATION_INVALID"


def test_rest_invites_and_shows_and_declines_without_an_account(functions: Functions) -> None:
    status, made = functions.post(f"/api/organizations/{ACME}/invite", {"email": BOB})
    token = functions.token()

    looked = functions.post("/api/invitations/lookup", {"token": token}, user=None)
    declined = functions.post("/api/invitations/decline", {"token": token}, user=None)
    again = functions.post("/api/invitations/lookup", {"token": token}, user=None)

    assert (status, made["email"]) == (201, BOB)
    assert looked[0] == 200
    assert looked[1]["organizationName"] == "Acme & Söhne"
    assert declined == (200, {"declined": True})
    assert (again[0], again[1]["code"]) == (404, "INVITATION_INVALID")
    told = [e for e in functions.acme.envelopes() if e.type == "InvitationDeclined"]
    assert [(e.actor.id, e.request.source_ip) for e in told] == [("anonymous", "203.0.113.7")]


@pytest.mark.parametrize("path", ["/api/invitations/lookup", "/api/invitations/decline"])
@pytest.mark.parametrize("body", [None, "x", [], {}, {"token": 1}, {"token": "x" * 700}])
def test_what_strangers_send_is_refused(functions: Functions, path: str, body: Any) -> None:
    status, problem = functions.post(path, body, user=None)

    assert (status, problem["code"]) == (400, "INVALID_INPUT")


def test_several_are_answered_each_for_itself(functions: Functions) -> None:
    answers = functions.data(
        "inviteUsers", {"invitations": [{"email": BOB}, {"email": "x"}, {"email": BOB}]}
    )

    assert [each["error"] and each["error"]["code"] for each in answers] == [
        None,
        "INVALID_INPUT",
        None,
    ]
    assert answers[0]["invitation"] == answers[2]["invitation"]


def test_sending_again_and_revoking(functions: Functions) -> None:
    made = functions.invite()
    before = functions.token()
    functions.data("resendInvitation", {"invitationId": made["id"]})
    after = functions.token()

    assert functions.data("invitation", {"token": before}) is None
    assert functions.data("invitation", {"token": after})
    revoked = functions.data("revokeInvitation", {"invitationId": made["id"]})
    assert revoked["status"] == "REVOKED"
    assert functions.data("invitation", {"token": after}) is None


def test_a_link_is_shown_without_its_token_and_mailed_to_who_made_it(
    functions: Functions,
) -> None:
    made = functions.data(
        "createInvitationLink", {"input": {"domains": ["example.com"], "maxUses": 3}}
    )
    token = functions.token("ada@acme.example")
    functions.acme.add_person("bob", BOB)

    joined = functions.data("acceptOrganizationInvite", {"token": token}, user="bob")
    [listed] = functions.data("invitationLinks")["items"]
    revoked = functions.data("revokeInvitationLink", {"linkId": made["id"]})

    assert token not in json.dumps(made)
    assert joined["role"] == "MEMBER"
    assert (listed["uses"], listed["status"]) == (1, "ACTIVE")
    assert revoked["status"] == "REVOKED"


def test_the_schedule_closes_what_has_ended(functions: Functions) -> None:
    functions.invite()
    functions.acme.clock.advance(VALID + VALID)

    assert functions.sweep() == {"batchItemFailures": []}
    [item] = functions.data("invitations")["items"]
    assert (item["status"], functions.acme.seats) == ("EXPIRED", 1)


def test_a_mail_that_fails_comes_back_alone(functions: Functions) -> None:
    functions.invite()
    functions.invite("eve@example.com")
    functions.mailbox.down = True
    assert len(functions.deliver()["batchItemFailures"]) == 2
    functions.mailbox.down = False
    functions.acme.clock.advance(VALID / 100)  # past the lease of whoever stopped

    assert functions.deliver() == {"batchItemFailures": []}
    assert functions.deliver() == {"batchItemFailures": []}
    assert sorted(mail.to for mail in functions.mailbox.sent) == [BOB, "eve@example.com"]


def test_an_event_of_another_account_or_of_no_kind_we_mail_sends_nothing(
    functions: Functions,
) -> None:
    functions.invite()
    [event] = [e for e in functions.acme.envelopes() if e.type == "MemberInvited"]
    foreign = json.dumps(bus_event(event, account="999999999999"))
    unknown = json.dumps(bus_event(event.model_copy(update={"type": "InvitationExpired"})))

    answer = send_mails.handler(queue_event([foreign, unknown]), lambda_context())

    assert len(answer["batchItemFailures"]) == 2
    assert functions.mailbox.sent == []


def test_without_a_sender_nobody_is_invited_and_it_says_so(
    functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire(monkeypatch, EMAIL_SENDING="false")

    code = functions.code("inviteUserToOrganization", {"input": {"email": BOB}})

    assert code == "EMAIL_NOT_CONFIGURED"
