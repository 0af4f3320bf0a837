"""Members and support sessions: what each field and route answers, and what is stored of it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from functions.organizations import refresh_members
from tenantry.audit.model import ACTIVITY_READ
from tenantry.errors import NotAMemberError
from tenantry.identity.dynamodb import DynamoDBProfileRepository
from tenantry.identity.model import Profile, UserStatus
from tenantry.messaging.event import Envelope
from tenantry.organizations.bootstrap import access
from tenantry.organizations.model import SupportStatus
from tenantry.persistence.items import from_wire
from tenantry.tenancy.access import MemberStatus
from tenantry.tenancy.caller import Caller
from tenantry.tenancy.roles import Role
from tests.integration.organizations.conftest import Api
from tests.support.capacity import measured
from tests.support.clock import START
from tests.support.faults import (
    Stopped,
    injected,
    lose_answer,
    refused,
    stop_after,
    stop_before,
)
from tests.support.invocations import bus_event, queue_event
from tests.support.lambda_context import lambda_context
from tests.support.naughty_strings import LINES, NOT_LINES, as_kept

OPERATOR: dict[str, Any] = {"user": "root", "groups": ["SuperAdmin"]}


@pytest.fixture
def own(organizations_api: Api) -> str:
    """An organisation of ada's with the member bob."""
    made = str(organizations_api.create()["id"])
    organizations_api.join(made, "bob")
    return made


def _bob(made: Api) -> dict[str, Any]:
    """Bob's membership as it is stored."""
    return next(item for item in made.stored() if item["SK"]["S"] == "MEMBER#bob")


def test_a_member_is_changed_from_joining_to_leaving(organizations_api: Api, own: str) -> None:
    def changed(name: str, **arguments: Any) -> Any:
        return organizations_api.data(name, {"userId": "bob", **arguments}, organization=own)

    assert changed("updateUserRole", role="MANAGER", expectedVersion=1)["role"] == "MANAGER"
    given = changed("updateMemberPermissions", permissions=["audit:read"])
    assert given["permissions"] == ["audit:read"]
    assert changed("suspendMember")["status"] == "SUSPENDED"
    assert changed("reactivateMember")["status"] == "ACTIVE"
    risen = changed("transferOwnership")
    assert (risen["role"], risen["permissions"]) == ("OWNER", [])
    left = organizations_api.data("leaveOrganization", organization=own)
    assert (left["userId"], left["status"]) == ("ada", "REMOVED")

    listed = organizations_api.data("members", {"first": 5}, user="bob", organization=own)
    assert [(m["userId"], m["role"], m["version"]) for m in listed["items"]] == [
        ("bob", "OWNER", 6)
    ]
    assert listed["nextCursor"] is None


def test_the_last_owner_is_told_so(organizations_api: Api, own: str) -> None:
    who: dict[str, Any] = {"organization": own}

    assert organizations_api.code("leaveOrganization", **who) == "LAST_OWNER"
    demotion = {"userId": "ada", "role": "MEMBER"}
    assert organizations_api.code("updateUserRole", demotion, **who) == "LAST_OWNER"


def test_a_removal_counts_from_the_next_request_on_and_in_one_organisation(
    organizations_api: Api, own: str
) -> None:
    other = organizations_api.create("Other", "bob")["id"]
    bob: dict[str, Any] = {
        "user": "bob",
        "organization": own,
        "claims": {"org_id": own, "role": "MEMBER"},
    }
    assert organizations_api.code("organization", **bob) == "OK"

    first = organizations_api.remove(own, "bob")
    again = organizations_api.remove(own, "bob")

    assert first["statusCode"] == again["statusCode"] == 200
    assert json.loads(first["body"])["status"] == "REMOVED"
    assert json.loads(first["body"]) == json.loads(again["body"])
    for name in ("organization", "members", "leaveOrganization"):
        assert organizations_api.code(name, **bob) == "NOT_A_MEMBER"
    assert organizations_api.code("organization", user="bob", organization=other) == "OK"
    usage = organizations_api.data("organization", organization=own)["usage"]
    assert usage["users"] == 1


@pytest.mark.parametrize(
    ("user", "target", "status", "code"),
    [
        (None, "bob", 401, "UNAUTHENTICATED"),
        ("eve", "bob", 403, "NOT_A_MEMBER"),
        ("bob", "ada", 403, "FORBIDDEN"),
        ("ada", "nobody", 404, "NOT_FOUND"),
        ("ada", "a%23b", 400, "INVALID_INPUT"),
        ("ada", "ada", 409, "LAST_OWNER"),
    ],
)
def test_a_removal_over_rest_is_refused_with_its_reason(
    organizations_api: Api, own: str, user: str | None, target: str, status: int, code: str
) -> None:
    answer = organizations_api.remove(own, target, user=user)

    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (status, code)


def test_a_path_names_the_organisation_whatever_header_and_token_say(
    organizations_api: Api, own: str
) -> None:
    theirs = organizations_api.create("Theirs", "eve")["id"]

    answer = organizations_api.remove(own, "bob", user="eve", headers={"x-organization-id": theirs})

    assert json.loads(answer["body"])["code"] == "NOT_A_MEMBER"


def test_every_change_is_told_with_role_and_what_was_before(
    organizations_api: Api, own: str
) -> None:
    arguments = {"userId": "bob", "role": "MANAGER"}
    organizations_api.data("updateUserRole", arguments, organization=own)

    [event] = [each["M"] for each in _bob(organizations_api)["events"]["L"]]
    assert event["type"]["S"] == "MemberRoleChanged"
    assert event["actor"]["M"]["role"]["S"] == "OWNER"
    assert event["data"]["M"]["before"]["S"] == "MEMBER"
    assert event["data"]["M"]["after"]["S"] == "MANAGER"


# support sessions


def test_an_operator_acts_in_a_session_and_not_after_it(organizations_api: Api, own: str) -> None:
    root = {**OPERATOR, "organization": own}
    opening = {"organizationId": own, "reason": "ticket 42", "minutes": 30}
    assert organizations_api.code("organization", **root) == "NOT_A_MEMBER"
    assert organizations_api.code("openSupportSession", opening) == "FORBIDDEN"

    opened = organizations_api.data("openSupportSession", opening, **OPERATOR)
    assert organizations_api.code("updateOrganization", {"input": {"name": "X"}}, **root) == "OK"
    assert organizations_api.code("suspendMember", {"userId": "bob"}, **root) == "OK"
    assert organizations_api.code("suspendMember", {"userId": "ada"}, **root) == "FORBIDDEN"
    seen = organizations_api.data("supportSessions", organization=own)["items"]
    closed = organizations_api.data("closeSupportSession", {"organizationId": own}, **OPERATOR)

    assert (opened["status"], closed["status"]) == ("OPEN", "CLOSED")
    assert [(s["id"], s["reason"], s["status"]) for s in seen] == [
        (opened["id"], "ticket 42", "OPEN")
    ]
    assert organizations_api.code("organization", **root) == "NOT_A_MEMBER"


def test_a_session_counts_for_the_other_contexts_too(organizations_api: Api, own: str) -> None:
    root = Caller(user_id="root", tenant_id=own, groups=frozenset({"SuperAdmin"}))
    with pytest.raises(NotAMemberError):
        access().standing(root)

    opening = {"organizationId": own, "reason": "ticket 42", "minutes": 30}
    session = organizations_api.data("openSupportSession", opening, **OPERATOR)["id"]

    standing = access().standing(root)
    standing.require(ACTIVITY_READ)
    assert (standing.role, standing.support_session) == (Role.ADMIN, session)
    assert standing.cause(root).actor.on_behalf_of == session


def test_a_session_costs_ordinary_callers_nothing(organizations_api: Api, own: str) -> None:
    ada = Caller(user_id="ada", tenant_id=own)
    with measured(organizations_api.table._client) as ordinary:
        access().standing(ada)
    with measured(organizations_api.table._client) as operators, pytest.raises(NotAMemberError):
        access().standing(Caller(**{**dict(ada), "user_id": "root", "groups": {"SuperAdmin"}}))

    assert (ordinary.operations, ordinary.read_units) == (["BatchGetItem"], 2)
    assert (operators.operations, operators.read_units) == (["BatchGetItem"], 4)


def test_were_expiry_left_to_whoever_closes_an_operator_would_stay(
    organizations_api: Api, own: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session past its time is refused as it is read; without that look it would not be."""
    opening = {"organizationId": own, "reason": "ticket 42", "minutes": 30}
    organizations_api.data("openSupportSession", opening, **OPERATOR)
    _expire(organizations_api, own)
    root = {**OPERATOR, "organization": own}
    assert organizations_api.code("organization", **root) == "NOT_A_MEMBER"

    monkeypatch.setattr(
        "tenantry.organizations.model.SupportSession.status", lambda *_: SupportStatus.OPEN
    )

    assert organizations_api.code("organization", **root) == "OK"


def _expire(made: Api, own: str) -> None:
    made.table._client.update_item(
        TableName=made.table.name,
        Key={"PK": {"S": f"ORG#{own}"}, "SK": {"S": "OPERATOR#root"}},
        UpdateExpression="SET expires_at = :t",
        ExpressionAttributeValues={":t": {"S": "2026-01-01T00:00:00Z"}},
    )


@pytest.mark.parametrize("text", [LINES, NOT_LINES], ids=["lines", "no lines"])
def test_a_reason_and_a_search_take_every_line_and_nothing_else(
    organizations_api: Api, own: str, text: tuple[str, ...]
) -> None:
    where = {"organizationId": own}
    for reason in text[:40]:
        opening = {**where, "reason": reason, "minutes": 1}
        opened = organizations_api.ask("openSupportSession", opening, **OPERATOR)
        found = organizations_api.ask("members", {"filter": {"text": reason}}, organization=own)
        if text is LINES:
            assert opened["data"]["reason"] == as_kept(reason), ascii(reason)
            assert "data" in found, ascii(reason)
            organizations_api.data("closeSupportSession", where, **OPERATOR)
        else:
            assert opened["error"]["code"] == "INVALID_INPUT", ascii(reason)
            assert found["error"]["code"] == "INVALID_INPUT", ascii(reason)


# what members show of profiles


def _profile(made: Api, user: str, **more: Any) -> Profile:
    profile = Profile(
        **{
            "user_id": user,
            "user_name": user,
            "email": f"{user}@acme.example",
            "name": user.title(),
            "created_at": START,
            "updated_at": START,
            **more,
        }
    )
    return DynamoDBProfileRepository(made.table).create(profile, ())


def _told(kind: str, own: str | None = None, **data: Any) -> str:
    envelope = Envelope(
        id=f"e-{kind}",
        type=kind,
        context="organizations" if kind == "MemberJoined" else "identity",
        occurred_at=START,
        actor={"id": "bob"},
        data={"user_id": "bob", **({"organization_id": own} if own else {}), **data},
        tenant_id=own,
        entity_type="Member",
        entity_id="bob",
        entity_version=1,
    )
    return json.dumps(bus_event(envelope))


def _consume(*bodies: str) -> list[str]:
    """The ids of the messages that failed."""
    answer = refresh_members.handler(queue_event(bodies), lambda_context())
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def _shown(made: Api, own: str) -> tuple[str | None, str | None]:
    listed = made.data("members", {"filter": {"role": "MEMBER"}}, organization=own)["items"]
    return listed[0]["name"], listed[0]["email"]


def test_members_show_the_profile_as_soon_as_it_is_heard_of(
    organizations_api: Api, own: str
) -> None:
    assert _shown(organizations_api, own) == (None, None)
    assert _consume(_told("MemberJoined", own)) == []
    assert _shown(organizations_api, own) == (None, None)

    _profile(organizations_api, "bob")
    assert _consume(_told("UserRegistered")) == []

    assert _shown(organizations_api, own) == ("Bob", "bob@acme.example")
    found = organizations_api.data("members", {"filter": {"text": "BOB@"}}, organization=own)
    assert [m["userId"] for m in found["items"]] == ["bob"]


def test_a_suspended_person_is_refused_at_every_door_until_reactivated(
    organizations_api: Api, own: str
) -> None:
    """Whatever their token says: it is the same one all the time."""

    def doors() -> tuple[str, str, int]:
        listed = organizations_api.code("members", {}, user="bob", organization=own)
        removed = organizations_api.remove(own, "nobody", user="bob")
        founded = organizations_api.code("organization", {}, user="bob", organization=own)
        return listed, founded, removed["statusCode"]

    _profile(organizations_api, "bob")
    assert doors() == ("OK", "OK", 403)  # a MEMBER removes nobody
    people = DynamoDBProfileRepository(organizations_api.table)
    before = people.get("bob")
    assert before

    suspended = before.changed(status=UserStatus.SUSPENDED)
    people.save(before, suspended, ())
    assert _consume(_told("UserSuspended")) == []
    assert doors() == ("FORBIDDEN", "FORBIDDEN", 403)
    answer = organizations_api.ask("organization", {}, user="bob", organization=own)
    assert answer["error"]["message"] == "This account is suspended."
    assert organizations_api.code("organization", {}, organization=own) == "OK"

    people.save(suspended, suspended.changed(status=UserStatus.ACTIVE), ())
    assert _consume(_told("UserReactivated")) == []
    assert doors()[:2] == ("OK", "OK")


def test_renewing_a_copy_is_one_read_one_query_and_a_write_for_each_organisation(
    organizations_api: Api, own: str
) -> None:
    _profile(organizations_api, "bob")
    organizations_api.create("Other", "bob")

    with measured(organizations_api.table._client) as cost:
        _consume(_told("ProfileUpdated", fields=["name"]))
    with measured(organizations_api.table._client) as again:
        _consume(_told("ProfileUpdated", fields=["locale"]))

    assert cost.operations == ["GetItem", "Query", "UpdateItem", "UpdateItem"]
    assert (cost.write_units, cost.index_write_units) == (2, 2)
    assert again.operations == []


def test_a_copy_tells_nothing_and_makes_no_version(organizations_api: Api, own: str) -> None:
    _profile(organizations_api, "bob")
    before = _bob(organizations_api)

    _consume(_told("UserRegistered"), _told("UserRegistered"))

    after = _bob(organizations_api)
    for name in ("entity_version", "event_ids", "role", "status"):
        assert after[name] == before[name]
    assert "events" not in after


def test_one_that_fails_comes_back_alone_and_a_lost_answer_harms_nothing(
    organizations_api: Api, own: str
) -> None:
    _profile(organizations_api, "bob")

    with injected(refused("ValidationException", "GetItem", first=1)):
        failed = _consume(_told("UserRegistered"), _told("MemberJoined", own), "nonsense")
    assert failed == ["m-0", "m-2"]
    assert _shown(organizations_api, own) == ("Bob", "bob@acme.example")
    with injected(lose_answer(at=1)):
        assert _consume(_told("UserRegistered")) == []


@pytest.mark.parametrize("stop", [stop_before, stop_after])
def test_a_refresh_stopped_anywhere_is_finished_by_its_redelivery(
    organizations_api: Api, own: str, stop: Callable[[int], Any]
) -> None:
    _profile(organizations_api, "bob")
    organizations_api.create("Other", "bob")
    told = _told("ProfileUpdated", fields=["name"])
    with measured(organizations_api.table._client) as cost:
        _consume(told)
    expected = _bob(organizations_api)

    for at in range(1, cost.round_trips + 1):
        organizations_api.table.put(
            {**from_wire(expected), "name": None, "email": None, "profile_version": None}
        )
        with pytest.raises(Stopped), injected(stop(at)):
            _consume(told)
        assert _consume(told) == []
        assert _bob(organizations_api) == expected


def test_who_was_removed_shows_their_name_and_no_address(organizations_api: Api, own: str) -> None:
    _profile(organizations_api, "bob")
    _consume(_told("UserRegistered"))
    organizations_api.remove(own, "bob")

    _consume(_told("ProfileUpdated", fields=["email"]))

    asked = {"filter": {"status": "REMOVED"}}
    [bob] = organizations_api.data("members", asked, organization=own)["items"]
    assert (bob["name"], bob["email"]) == ("Bob", None)


@pytest.mark.parametrize("status", [MemberStatus.ACTIVE, MemberStatus.SUSPENDED])
def test_many_members_come_in_pages_of_one_query_each(
    organizations_api: Api, own: str, status: MemberStatus
) -> None:
    for number in range(30):
        organizations_api.join(own, f"m-{number:02}", status=status)
    seen, after = [], None
    with measured(organizations_api.table._client) as cost:
        for _ in range(2):
            page = organizations_api.data(
                "members", {"first": 20, "after": after}, organization=own
            )
            seen += [member["userId"] for member in page["items"]]
            after = page["nextCursor"]

    assert seen == ["ada", "bob", *(f"m-{number:02}" for number in range(30))]
    assert after is None
    assert cost.operations == ["BatchGetItem", "Query"] * 2
