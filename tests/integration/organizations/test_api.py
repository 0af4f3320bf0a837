"""The organisations' API function: what each field and route answers."""

import json
from typing import Any

import pytest

from tenantry.organizations.service import OrganizationService
from tenantry.persistence.table import Table
from tests.integration.organizations.conftest import Api
from tests.support.faults import Answer, Call, Send, injected

OPERATOR: dict[str, Any] = {"user": "root", "groups": ["SuperAdmin"]}


def test_an_organisation_is_founded_read_and_changed(organizations_api: Api) -> None:
    made = organizations_api.create("Acme Tools", size="SIZE_2_10")
    who = {"organization": made["id"]}

    renamed = organizations_api.data("updateOrganization", {"input": {"name": "Ajax"}}, **who)
    changed = organizations_api.data(
        "updateOrganizationSettings",
        {"input": {"allowedDomains": ["ajax.example"], "featureFlags": [_flag("beta")]}},
        **who,
    )
    read = organizations_api.data("organization", **who)

    assert (made["slug"], made["plan"], made["status"]) == ("acme-tools", "FREE", "ACTIVE")
    assert (renamed["name"], renamed["size"], renamed["version"]) == ("Ajax", "SIZE_2_10", 2)
    assert read == changed
    assert read["settings"]["featureFlags"] == [_flag("beta")]
    assert read["limits"]["maxUsers"] == 5
    assert read["usage"] == {"users": 1, "projects": 0, "storage": 0, "apiCalls": 0}


def test_a_new_organisation_is_three_items_and_the_founders_count(organizations_api: Api) -> None:
    made = organizations_api.create()

    stored = organizations_api.stored()

    assert [(item["PK"]["S"], item["SK"]["S"]) for item in stored] == [
        (f"ORG#{made['id']}", "MEMBER#ada"),
        (f"ORG#{made['id']}", "ORGANIZATION"),
        ("SLUG#acme", "SLUG"),
        ("USER#ada", "FOUNDED"),
    ]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"name": ""}, "INVALID_INPUT"),
        ({"name": "Acme", "slug": "Not A Slug"}, "INVALID_INPUT"),
        ({"name": "Acme", "plan": "ENTERPRISE"}, "INVALID_INPUT"),
        ({"name": "Other", "slug": "acme"}, "SLUG_TAKEN"),
        ({"name": "Other", "clientMutationId": "k-1"}, "IDEMPOTENCY_MISMATCH"),
    ],
)
def test_what_cannot_be_founded_is_refused(
    organizations_api: Api, values: dict[str, Any], code: str
) -> None:
    organizations_api.create("Acme", clientMutationId="k-1")

    assert organizations_api.code("createOrganization", {"input": values}) == code


def test_all_faults_come_at_once(organizations_api: Api) -> None:
    made = organizations_api.create()
    values = {"allowedDomains": ["x"], "joinByDomain": 1, "colour": "red"}

    answer = organizations_api.ask(
        "updateOrganizationSettings", {"input": values}, organization=made["id"]
    )

    assert answer["error"]["code"] == "INVALID_INPUT"
    named = {fault["field"] for fault in answer["error"]["details"]["faults"]}
    assert named == {"allowedDomains", "joinByDomain", "colour"}


def test_a_stale_version_is_refused(organizations_api: Api) -> None:
    who = {"organization": organizations_api.create()["id"]}
    values = {"name": "Ajax", "expectedVersion": 1}
    organizations_api.data("updateOrganization", {"input": values}, **who)

    late = {"name": "Late", "expectedVersion": 1}
    assert organizations_api.code("updateOrganization", {"input": late}, **who) == "CONFLICT"


def test_a_version_that_is_not_looked_at_would_let_the_late_one_through(
    organizations_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of the test above."""
    who = {"organization": organizations_api.create()["id"]}
    values = {"name": "Ajax", "expectedVersion": 1}
    organizations_api.data("updateOrganization", {"input": values}, **who)
    original = OrganizationService._authorized
    monkeypatch.setattr(
        OrganizationService, "_authorized", lambda self, *given: original(self, *given[:2])
    )

    late = {"name": "Late", "expectedVersion": 1}
    assert organizations_api.code("updateOrganization", {"input": late}, **who) == "OK"


def test_of_two_who_have_read_one_version_the_second_to_write_is_refused(
    organizations_api: Api,
) -> None:
    assert _overtaken(organizations_api) == "CONFLICT"


def test_a_write_that_does_not_compare_versions_would_undo_the_one_before(
    organizations_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of the test above."""
    original = Table._update

    def careless(self: Table, *given: Any) -> dict[str, Any]:
        request = original(self, *given)
        always = f"{request['ConditionExpression']} OR attribute_exists(PK)"
        return {**request, "ConditionExpression": always}

    monkeypatch.setattr(Table, "_update", careless)

    assert _overtaken(organizations_api) == "OK"


def _overtaken(made: Api) -> str:
    """What a change comes to before whose write another one's is done."""
    who = {"organization": made.create()["id"]}
    others: list[Call] = []

    def overtake(call: Call, send: Send) -> Answer:
        if call.operation == "UpdateItem" and not others:
            others.append(call)
            made.data("updateOrganization", {"input": {"name": "First"}}, **who)
        return send()

    with injected(overtake):
        return made.code("updateOrganization", {"input": {"industry": "Second"}}, **who)


def test_a_stranger_and_nobody_are_refused(organizations_api: Api) -> None:
    made = organizations_api.create()

    for named in (made["id"], "00000000-0000-7000-8000-000000000000"):
        code = organizations_api.code("organization", user="eve", organization=named)
        assert code == "NOT_A_MEMBER"
    assert organizations_api.code("organization") == "NO_ORGANIZATION"
    anonymous = organizations_api.ask("organization", claims={"token_use": "id"})
    assert anonymous["error"]["code"] == "UNAUTHENTICATED"


def test_a_removed_member_is_refused_on_the_next_request(organizations_api: Api) -> None:
    made = organizations_api.create()
    who = {"organization": made["id"], "claims": {"org_id": made["id"], "role": "OWNER"}}
    assert organizations_api.code("organization", **who) == "OK"

    _set_member_status(organizations_api, made["id"], "REMOVED")

    for name, arguments in (
        ("organization", {}),
        ("updateOrganization", {"input": {"name": "Mine"}}),
        ("claimDomain", {"domain": "acme.example"}),
    ):
        assert organizations_api.code(name, arguments, **who) == "NOT_A_MEMBER"


def test_a_member_whose_status_is_not_read_would_stay(
    organizations_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of the test above: without `require`, the removed member gets through."""
    made = organizations_api.create()
    _set_member_status(organizations_api, made["id"], "REMOVED")
    monkeypatch.setattr("tenantry.tenancy.access.Standing.require", lambda *_: None)

    who = {"organization": made["id"]}
    assert organizations_api.code("organization", **who) == "OK"


def test_operators_suspend_and_reactivate(organizations_api: Api) -> None:
    made = organizations_api.create()
    arguments = {"organizationId": made["id"], "reason": "unpaid"}
    rename = ("updateOrganization", {"input": {"name": "Ajax"}})

    assert organizations_api.code("suspendOrganization", arguments) == "FORBIDDEN"
    suspended = organizations_api.data("suspendOrganization", arguments, **OPERATOR)
    assert suspended["status"] == "SUSPENDED"
    assert organizations_api.code(*rename, organization=made["id"]) == "ORGANIZATION_SUSPENDED"
    who = {"organization": made["id"]}
    assert organizations_api.code("organization", **who) == "OK"
    reactivated = organizations_api.data("reactivateOrganization", arguments, **OPERATOR)
    assert reactivated["status"] == "ACTIVE"
    assert organizations_api.code(*rename, organization=made["id"]) == "OK"


def test_operators_appoint_an_owner(organizations_api: Api) -> None:
    made = organizations_api.create()
    organizations_api.join(made["id"], "bob")
    arguments = {"organizationId": made["id"], "userId": "bob", "reason": "their owner is gone"}

    assert organizations_api.code("appointOwner", arguments) == "FORBIDDEN"
    appointed = organizations_api.data("appointOwner", arguments, **OPERATOR)

    assert (appointed["userId"], appointed["role"]) == ("bob", "OWNER")
    bob: dict[str, Any] = {"user": "bob", "organization": made["id"]}
    assert organizations_api.code("leaveOrganization", **bob) == "OK"
    assert organizations_api.code("leaveOrganization", organization=made["id"]) == "LAST_OWNER"


def test_a_domain_is_claimed_proven_and_released(organizations_api: Api) -> None:
    who = {"organization": organizations_api.create()["id"]}
    domain = {"domain": "acme.example"}

    claim = organizations_api.data("claimDomain", domain, **who)
    assert organizations_api.code("verifyDomain", domain, **who) == "DOMAIN_NOT_PROVEN"
    organizations_api.dns.records[claim["recordName"]] = [claim["recordValue"]]
    verified = organizations_api.data("verifyDomain", domain, **who)

    assert len(claim["recordValue"].partition("=")[2]) >= 22  # 128 bits in base64
    assert (claim["status"], verified["status"]) == ("PENDING", "VERIFIED")
    other = {"user": "eve", "organization": organizations_api.create("Eve", "eve")["id"]}
    assert organizations_api.code("claimDomain", domain, **other) == "DOMAIN_TAKEN"
    assert organizations_api.data("releaseDomain", domain, **who)["status"] == "RELEASED"
    assert organizations_api.code("claimDomain", domain, **other) == "OK"


def test_an_organisation_is_founded_over_rest(organizations_api: Api) -> None:
    headers = {"Idempotency-Key": "k-1"}

    first = organizations_api.post({"name": "Acme"}, headers=headers)
    again = organizations_api.post({"name": "Acme"}, headers=headers)
    other = organizations_api.post({"name": "Ajax"}, headers=headers)

    assert first["statusCode"] == again["statusCode"] == 201
    assert json.loads(first["body"]) == json.loads(again["body"])
    assert json.loads(first["body"])["slug"] == "acme"
    problem = json.loads(other["body"])
    assert (other["statusCode"], problem["code"]) == (409, "IDEMPOTENCY_MISMATCH")
    assert other["multiValueHeaders"]["Content-Type"] == ["application/problem+json"]


@pytest.mark.parametrize("body", [None, "", "[]", "{", '"x"', "[" * 5000])
def test_a_body_that_is_no_object_is_refused(organizations_api: Api, body: str | None) -> None:
    answer = organizations_api.post(body)

    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (400, "INVALID_INPUT")


def test_two_keys_that_differ_are_refused(organizations_api: Api) -> None:
    body = {"name": "Acme", "clientMutationId": "a"}

    assert organizations_api.post(body, headers={"idempotency-key": "b"})["statusCode"] == 400


def test_nobody_founds_over_rest(organizations_api: Api) -> None:
    answer = organizations_api.post({"name": "Acme"}, user=None)

    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    "name",
    ["Ünïcødé 🚀", "=cmd|' /C calc'!A0", "<script>alert(1)</script>", "Робот", "a\\b'c\"d", "1;--"],
)
def test_text_comes_back_as_it_was_sent(organizations_api: Api, name: str) -> None:
    made = organizations_api.create(name, description=f"{name}\nand more")
    read = organizations_api.data("organization", organization=made["id"])

    assert (read["name"], read["description"]) == (name, f"{name}\nand more")


@pytest.mark.parametrize("name", ["a\x00b", "a\r\nb", "a\u202eb", "\ud800", "x" * 121, " \t "])
def test_text_that_is_not_for_people_is_refused(organizations_api: Api, name: str) -> None:
    code = organizations_api.code("createOrganization", {"input": {"name": name}})

    assert code == "INVALID_INPUT"


def _flag(name: str) -> dict[str, Any]:
    return {"name": name, "enabled": True}


def _set_member_status(made: Api, tenant_id: str, status: str) -> None:
    made.table._client.update_item(
        TableName=made.table.name,
        Key={"PK": {"S": f"ORG#{tenant_id}"}, "SK": {"S": "MEMBER#ada"}},
        UpdateExpression="SET #s = :s",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":s": {"S": status}},
    )
