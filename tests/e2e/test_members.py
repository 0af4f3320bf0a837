"""Members and support sessions on the deployed product: what a change does to sessions that run."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from localcloud.client import GraphqlError, Product, Tokens, until
from tests.e2e.conftest import People, Person

ORGANIZATION = "query { organization { id name } }"
ROLE = "mutation($user: ID!, $role: Role!) { updateUserRole(userId: $user, role: $role) { role } }"
RENAME = "mutation($name: String!) { updateOrganization(input: {name: $name}) { name } }"
MEMBERS = "query($text: String) { members(filter: {text: $text}) { items { userId name email } } }"
OPEN = """mutation($at: ID!, $minutes: Int!) {
  openSupportSession(organizationId: $at, reason: "ticket 42", minutes: $minutes) { id }
}"""
PAST = "2026-01-01T00:00:00+00:00"
CLOSE = "mutation($at: ID!) { closeSupportSession(organizationId: $at) { status } }"
SESSIONS = "query { supportSessions { items { id operatorId reason status } } }"
ACTIVITY = "query { activity(first: 30) { items { type actor { id kind } data } } }"
GIVE = """mutation($user: ID!, $names: [String!]!) {
  updateMemberPermissions(userId: $user, permissions: $names) { permissions }
}"""


def code(
    product: Product, query: str, tokens: Tokens, organization: str | None = None, **more: Any
) -> str:
    try:
        product.graphql(query, tokens, organization, **more)
    except GraphqlError as error:
        return str(error.code)
    return "ok"


@pytest.fixture(scope="module")
def owner(people: People) -> Person:
    return people.owner("Members")


def test_a_removal_ends_a_session_there_and_nowhere_else(
    product: Product, people: People, owner: Person
) -> None:
    at = owner.organization_id
    eve = people.owner("Eve's own")
    people.seat(at, eve.user_id, "ADMIN")
    assert code(product, ORGANIZATION, eve.tokens, at) == "ok"

    path = f"/api/organizations/{at}/members/{eve.user_id}/remove"
    answer = product.rest("POST", path, owner.tokens)

    assert (answer.status_code, answer.json()["status"]) == (200, "REMOVED")
    assert code(product, ORGANIZATION, eve.tokens, at) == "NOT_A_MEMBER"
    assert product.rest("POST", path, eve.tokens).json()["code"] == "NOT_A_MEMBER"
    assert code(product, ORGANIZATION, eve.tokens, eve.organization_id) == "ok"


@pytest.mark.parametrize("role", ["MANAGER", "MEMBER", "VIEWER"])
def test_rest_removes_nobody_for_who_may_not(
    product: Product, people: People, owner: Person, role: str
) -> None:
    at = owner.organization_id
    person = people.member(at, role)

    path = f"/api/organizations/{at}/members/{owner.user_id}/remove"
    answer = product.rest("POST", path, person.tokens)

    assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")
    assert product.rest("POST", path).status_code == 401


def test_a_role_and_a_permission_count_at_once_with_the_token_from_before(
    product: Product, people: People, owner: Person
) -> None:
    bob = people.member(owner.organization_id, "MEMBER")
    assert code(product, RENAME, bob.tokens, name="Bob's") == "FORBIDDEN"

    product.graphql(ROLE, owner.tokens, user=bob.user_id, role="ADMIN")
    assert code(product, RENAME, bob.tokens, name="Bob's") == "ok"
    product.graphql(ROLE, owner.tokens, user=bob.user_id, role="VIEWER")
    assert code(product, RENAME, bob.tokens, name="Bob's") == "FORBIDDEN"
    product.graphql(GIVE, owner.tokens, user=bob.user_id, names=["organization:update"])
    assert code(product, RENAME, bob.tokens, name="Bob's") == "ok"

    unknown: dict[str, Any] = {"user": bob.user_id, "names": ["ownership:transfer"]}
    assert code(product, GIVE, owner.tokens, **unknown) == "INVALID_INPUT"


def test_members_show_what_their_profiles_say(
    product: Product, people: People, owner: Person
) -> None:
    bob = people.member(owner.organization_id, "MEMBER")
    rename = 'mutation { updateProfile(input: {name: "Zoë Quinn"}) { name } }'
    product.graphql(rename, bob.tokens)

    found = until(
        "the name among the members",
        lambda: product.graphql(MEMBERS, owner.tokens, text="ZOË QUINN")["members"]["items"],
    )

    assert [(m["userId"], m["email"]) for m in found] == [(bob.user_id, bob.email)]
    own = until(
        "the owner's address, from their registration",
        lambda: product.graphql(MEMBERS, owner.tokens, text=owner.email)["members"]["items"],
    )
    assert [m["userId"] for m in own] == [owner.user_id]


def test_an_operator_acts_in_a_session_that_the_organisation_sees(
    product: Product, people: People, owner: Person
) -> None:
    at, operator = owner.organization_id, people.operator()
    assert code(product, ORGANIZATION, operator.tokens, at) == "NOT_A_MEMBER"

    opened = product.graphql(OPEN, operator.tokens, at=at, minutes=30)["openSupportSession"]
    assert code(product, RENAME, operator.tokens, at, name="Mended") == "ok"
    assert code(product, ACTIVITY, operator.tokens, at) == "ok"
    demotion = {"user": owner.user_id, "role": "VIEWER"}
    assert code(product, ROLE, operator.tokens, at, **demotion) == "FORBIDDEN"
    product.graphql(CLOSE, operator.tokens, at=at)

    assert code(product, ORGANIZATION, operator.tokens, at) == "NOT_A_MEMBER"
    [seen] = product.graphql(SESSIONS, owner.tokens)["supportSessions"]["items"]
    assert seen == {
        "id": opened["id"],
        "operatorId": operator.user_id,
        "reason": "ticket 42",
        "status": "CLOSED",
    }

    def told() -> dict[str, Any] | None:
        items = product.graphql(ACTIVITY, owner.tokens)["activity"]["items"]
        by_type = {item["type"]: item for item in items if item["actor"]["kind"] == "operator"}
        whole = {"SupportSessionOpened", "OrganizationUpdated", "SupportSessionClosed"}
        return by_type if by_type.keys() >= whole else None

    by_type = until("the session in the activity", told, every=0.5)
    assert {item["actor"]["id"] for item in by_type.values()} == {operator.user_id}
    assert json.loads(by_type["SupportSessionOpened"]["data"])["reason"] == "ticket 42"


def test_the_deployed_sweep_closes_a_session_whose_time_is_over(
    product: Product, people: People, aws: Callable[[str], Any]
) -> None:
    owner, operator = people.owner("Overdue"), people.operator()
    at, table = owner.organization_id, product.outputs["PlatformTable"]
    opened = product.graphql(OPEN, operator.tokens, at=at, minutes=30)["openSupportSession"]["id"]
    for sk in (f"SUPPORT#{opened}", f"OPERATOR#{operator.user_id}"):
        where = {"PK": {"S": f"ORG#{at}"}, "SK": {"S": sk}}
        item = aws("dynamodb").get_item(TableName=table, Key=where)["Item"]
        item |= {"expires_at": {"S": PAST}}
        item |= {"GSI2SK": {"S": f"{PAST}#{opened}"}} if "GSI2SK" in item else {}
        item.pop("events", None)  # a hand in the table tells nobody anything
        aws("dynamodb").put_item(TableName=table, Item=item)
    name = f"{product.outputs['Prefix']}-organizations-sweep-support"

    answer = aws("lambda").invoke(FunctionName=name, Payload=b"{}")

    assert "FunctionError" not in answer, answer["Payload"].read()
    [seen] = product.graphql(SESSIONS, owner.tokens)["supportSessions"]["items"]
    assert seen["status"] == "CLOSED"
    closed = until(
        "the end in the activity",
        lambda: [
            item
            for item in product.graphql(ACTIVITY, owner.tokens)["activity"]["items"]
            if item["type"] == "SupportSessionClosed"
        ],
    )
    assert json.loads(closed[0]["data"])["how"] == "expiry"
    rules = aws("events").list_rule_names_by_target(
        TargetArn=aws("lambda").get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    )["RuleNames"]
    assert [aws("events").describe_rule(Name=rule)["State"] for rule in rules] == ["ENABLED"]
