"""The API's fields on people, through the function."""

from typing import Any

import boto3
import pytest
from graphql import GraphQLObjectType, build_schema

from tests.integration.identity.conftest import ADA, EMAIL, People
from tests.support.capacity import measured
from tests.support.faults import injected, recorded, refused

OPERATOR: dict[str, Any] = {"user": "root", "groups": ["SuperAdmin"]}


@pytest.fixture
def own(people: People) -> dict[str, Any]:
    """Ada's token, after she signed up with a company."""
    people.register(organization="Ada Ltd")
    return {"claims": people.claims()}


def fields_of(type_name: str) -> set[str]:
    from pathlib import Path

    text = (Path(__file__).parents[3] / "schema.graphql").read_text()
    scalars = "scalar AWSEmail scalar AWSDate scalar AWSDateTime scalar AWSJSON scalar AWSURL\n"
    found = build_schema(scalars + text).type_map[type_name]
    assert isinstance(found, GraphQLObjectType)
    return set(found.fields)


def test_me_is_the_person_with_the_active_organisation(people: People, own: dict[str, Any]) -> None:
    me = people.data("me", **own)

    assert (me["id"], me["email"], me["version"]) == (ADA, EMAIL, 1)
    assert me["activeOrganization"]["organizationId"] == own["claims"]["org_id"]
    assert me["activeOrganization"]["name"] == "Ada Ltd"
    assert (me["activeOrganization"]["role"], me["activeOrganization"]["plan"]) == ("OWNER", "FREE")
    assert set(me) == fields_of("User")
    assert set(me["activeOrganization"]) == fields_of("Membership")


def test_me_is_one_round_trip_of_three_items(people: People, own: dict[str, Any]) -> None:
    with measured(people.table._client) as cost:
        people.data("me", **own)

    assert cost.operations == ["BatchGetItem"]
    assert (cost.read_units, cost.write_units) == (3, 0)


def test_me_without_an_organisation_is_one_round_trip_too(people: People) -> None:
    people.register()

    with measured(people.table._client) as cost:
        me = people.data("me")

    assert me["activeOrganization"] is None
    assert cost.operations == ["BatchGetItem"]


def test_me_of_nobody_says_so(people: People) -> None:
    assert people.code("me", user="nobody") == "NOT_FOUND"


def test_an_id_token_is_not_enough(people: People, own: dict[str, Any]) -> None:
    claims = {**own["claims"], "token_use": "id"}

    assert people.code("me", claims=claims) == "UNAUTHENTICATED"


def test_a_changed_profile_is_answered_and_stored(people: People, own: dict[str, Any]) -> None:
    values = {"name": "Ada L.", "locale": "de", "timeZone": "Europe/Berlin"}

    with measured(people.table._client) as cost:
        changed = people.data("updateProfile", {"input": values}, **own)

    assert changed == people.data("me", **own)
    assert (changed["name"], changed["locale"], changed["version"]) == ("Ada L.", "de", 2)
    assert cost.operations == ["BatchGetItem", "UpdateItem"]
    assert cost.write_units == 1


def test_every_fault_of_a_profile_is_listed(people: People, own: dict[str, Any]) -> None:
    values = {"name": "", "locale": "?", "timeZone": "Nowhere", "avatarKey": 1, "role": "OWNER"}

    error = people.ask("updateProfile", {"input": values}, **own)["error"]

    assert error["code"] == "INVALID_INPUT"
    fields = {fault["field"] for fault in error["details"]["faults"]}
    assert fields == {"name", "locale", "timeZone", "avatarKey", "role"}


def test_a_stale_version_is_refused(people: People, own: dict[str, Any]) -> None:
    first = {"input": {"name": "One", "expectedVersion": 1}}

    assert people.code("updateProfile", first, **own) == "OK"
    assert people.code("updateProfile", first, **own) == "CONFLICT"


NAUGHTY = [
    "Ada 🧮 Lovelace",
    "Ｆｕｌｌｗｉｄｔｈ",
    "<script>alert(1)</script>",
    "=HYPERLINK(1)",
    "'; DROP TABLE users; --",
    "Z̮̞̠͙͔ͅḀ̗̞͈̻̗L͇̥",
    "مرحبا",
    "${jndi:ldap://x}",
    "a\r\nBcc: eve@example.com",
    "\u202eadA",
    "\u0000",
    "\ud800",
]


@pytest.mark.parametrize("text", NAUGHTY)
def test_a_name_comes_back_as_it_was_given_or_is_refused(
    people: People, own: dict[str, Any], text: str
) -> None:
    answer = people.ask("updateProfile", {"input": {"name": text}}, **own)

    if "error" in answer:
        assert answer["error"]["code"] == "INVALID_INPUT"
    else:
        import unicodedata

        assert people.data("me", **own)["name"] == unicodedata.normalize("NFC", text)


def test_organisations_are_listed_and_switched(people: People, own: dict[str, Any]) -> None:
    people.register(user="bob", email="bob@example.com", organization="Bob Ltd")
    theirs = people.claims(user="bob")["org_id"]
    listed = people.data("myOrganizations", **own)

    assert [each["name"] for each in listed["items"]] == ["Ada Ltd"]
    assert set(listed["items"][0]) == fields_of("Membership")
    assert people.code("switchOrganization", {"organizationId": theirs}, **own) == "NOT_A_MEMBER"
    assert people.code("switchOrganization", {"organizationId": "a#b"}, **own) == "INVALID_INPUT"


def test_a_switch_reaches_the_next_token_and_me_at_once(
    people: People, own: dict[str, Any]
) -> None:
    [member] = people.of_type("Member")
    [organization] = people.of_type("Organization")
    second = {"tenant_id": "o-2", "PK": "ORG#o-2"}
    people.table.put({**organization, **second, "entity_id": "o-2", "name": "Second"})
    people.table.put({**member, **second, "GSI1SK": "ORG#o-2", "role": "VIEWER"})

    switched = people.data("switchOrganization", {"organizationId": "o-2"}, **own)

    assert (switched["name"], switched["role"]) == ("Second", "VIEWER")
    assert people.claims() == {"org_id": "o-2", "role": "VIEWER", "plan": "FREE"}
    assert people.data("me", **own)["activeOrganization"]["name"] == "Second"


def test_a_removed_member_loses_the_organisation_with_the_next_token(
    people: People, own: dict[str, Any]
) -> None:
    [member] = people.of_type("Member")
    people.table.put({**member, "status": "REMOVED"})

    assert people.claims() == {}
    assert people.data("me", **own)["activeOrganization"] is None
    organization = {"organizationId": own["claims"]["org_id"]}
    assert people.code("switchOrganization", organization, **own) == "NOT_A_MEMBER"


def test_no_organisation_has_a_code(people: People) -> None:
    people.register()

    assert people.code("myOrganizations") == "NO_ORGANIZATION"


def test_an_operator_suspends_and_reactivates(people: People) -> None:
    client: Any = boto3.client("cognito-idp")
    pool = client.create_user_pool(PoolName="people", UsernameAttributes=["email"])["UserPool"][
        "Id"
    ]
    made = client.admin_create_user(UserPoolId=pool, Username=EMAIL)["User"]["Username"]
    people.register(user=made)
    people.register(user="root", email="root@example.com")
    operator = {**OPERATOR, "claims": {"iss": f"https://cognito-idp.x.amazonaws.com/{pool}"}}
    who = {"userId": made, "reason": "fraud"}

    with recorded() as calls:
        assert people.data("suspendUser", who, **operator) == {
            "userId": made,
            "status": "SUSPENDED",
        }
    [call] = calls.of("AdminUserGlobalSignOut")
    assert call.parameters == {"UserPoolId": pool, "Username": made}
    assert people.code("me", user=made) == "FORBIDDEN"

    assert people.data("reactivateUser", who, **operator)["status"] == "ACTIVE"
    assert people.code("me", user=made) == "OK"


def test_a_suspended_operator_cannot_let_themselves_in_again(people: People) -> None:
    people.register(user="root", email="root@example.com")
    people.register()
    who = {"userId": ADA, "reason": "a mistake"}
    with recorded() as calls:
        assert people.code("reactivateUser", who, **OPERATOR) == "OK"
    assert calls.operations == ["GetItem", "GetItem"]

    [profile] = [each for each in people.of_type("User") if each["user_id"] == "root"]
    people.table.put({**profile, "status": "SUSPENDED"})

    for user in ("root", ADA):
        for name in ("suspendUser", "reactivateUser"):
            assert people.code(name, {"userId": user, "reason": "me"}, **OPERATOR) == "FORBIDDEN"
    assert {each["user_id"] for each in people.of_type("User") if each["status"] == "ACTIVE"} == {
        ADA
    }


@pytest.mark.parametrize("name", ["suspendUser", "reactivateUser"])
@pytest.mark.parametrize("group", ["OrgAdmin", "Manager", "Member", "Viewer", "superadmin", None])
def test_only_operators_decide_about_people(people: People, name: str, group: str | None) -> None:
    people.register()
    who = {"userId": ADA, "reason": "because"}

    assert people.code(name, who, user="eve", groups=[group] if group else []) == "FORBIDDEN"


def test_a_busy_table_is_waited_out(people: People, own: dict[str, Any]) -> None:
    with injected(refused("ThrottlingException", "UpdateItem", first=2)):
        people.data("updateProfile", {"input": {"name": "Patient"}}, **own)

    assert people.data("me", **own)["name"] == "Patient"
