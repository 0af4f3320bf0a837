"""The caller is what a verified access token says, and nothing else says anything (row 4)."""

from typing import Any

import pytest

from tenantry.errors import (
    ForbiddenError,
    InvalidInputError,
    MachineNotAllowedError,
    NoOrganizationError,
    UnauthenticatedError,
)
from tenantry.tenancy.caller import Caller

SUB = "0198f2a4-0000-7000-8000-000000000001"
ORG = "0198f2a4-0000-7000-8000-0000000000aa"
CLAIMS = {"sub": SUB, "token_use": "access", "org_id": ORG, "cognito:groups": ["OrgAdmin"]}

SPELLINGS = [
    "role",
    "Role",
    "custom:role",
    "custom:Role",
    "custom:roles",
    "cognito:role",
    "cognito:roles",
    "cognito:preferred_role",
    "roles",
    "group",
    "groups",
    "Groups",
    "custom:groups",
    "cognito:group",
    "COGNITO:GROUPS",
    "cognito:Groups",
    " cognito:groups",
    "cognito_groups",
    "custom:cognito:groups",
    "is_admin",
    "admin",
    "custom:is_admin",
    "superadmin",
    "SuperAdmin",
    "operator",
    "permissions",
    "custom:permissions",
    "extra_permissions",
    "plan",
    "custom:plan",
    "custom:org_id",
    "custom:tenant_id",
    "tenant_id",
    "user_id",
    "username",
    "cognito:username",
    "custom:sub",
]


def appsync(claims: dict[str, Any] | None = None, **headers: str) -> dict[str, Any]:
    """https://docs.aws.amazon.com/appsync/latest/devguide/resolver-context-reference.html"""
    return {
        "identity": {
            "sub": SUB,
            "claims": CLAIMS if claims is None else claims,
            "sourceIp": ["198.51.100.7"],
            "groups": ["OrgAdmin"],
        },
        "request": {"headers": {"user-agent": "browser", **headers}},
    }


def rest(claims: dict[str, Any] | None = None, **headers: str) -> dict[str, Any]:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html"""
    texts = {**CLAIMS, "cognito:groups": "OrgAdmin,Manager"} if claims is None else claims
    return {
        "headers": {"User-Agent": "browser", **headers},
        "requestContext": {
            "authorizer": {"claims": texts},
            "identity": {"sourceIp": "198.51.100.7"},
            "requestId": "request-1",
        },
    }


FORMS = {"appsync": (Caller.from_appsync, appsync), "rest": (Caller.from_rest, rest)}


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> Any:
    """Makes a caller of claims and headers, by way of AppSync or of API Gateway."""
    parse, event = FORMS[request.param]
    return lambda claims=None, **headers: parse(event(claims, **headers))


def test_a_caller_is_the_subject_of_the_token_and_its_organisation(form: Any) -> None:
    caller = form()
    assert (caller.user_id, caller.organization_id) == (SUB, ORG)
    assert "OrgAdmin" in caller.groups
    assert (caller.request.source_ip, caller.request.user_agent) == ("198.51.100.7", "browser")
    assert (caller.cause.actor.id, caller.cause.actor.kind) == (SUB, "user")
    assert caller.operator_cause.actor.kind == "operator"


CLIENT = "1h57kf5cpq17m0eml12example"
# https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html
PROGRAM = {
    "sub": CLIENT,
    "client_id": CLIENT,
    "token_use": "access",
    "scope": "tenantry/accounts.read elsewhere/things.read",
}
PERSON = {**CLAIMS, "client_id": CLIENT, "scope": "aws.cognito.signin.user.admin openid"}


def test_a_programs_caller_is_its_client_with_the_products_scopes_and_no_organisation() -> None:
    claims = {**PROGRAM, "org_id": ORG, "cognito:groups": "SuperAdmin"}
    caller = Caller.from_rest(rest(claims), machines=True)

    assert caller.user_id == CLIENT
    assert caller.machine == frozenset({"accounts.read"})
    assert (caller.tenant_id, caller.groups) == (None, frozenset())
    assert caller.cause.actor.kind == "machine"
    named = rest(PROGRAM, **{"x-organization-id": "other"})
    assert Caller.from_rest(named, machines=True).tenant_id == "other"


@pytest.mark.parametrize(
    "claims",
    [
        PROGRAM,
        {**PROGRAM, "scope": ""},
        {**PROGRAM, "scope": "aws.cognito.signin.user.admin"},
        {**PERSON, "scope": "tenantry/accounts.read"},
        {**PERSON, "scope": "openid profile"},
    ],
)
def test_where_programs_are_not_let_in_a_token_that_is_no_users_is_refused(
    form: Any, claims: dict[str, Any]
) -> None:
    with pytest.raises(MachineNotAllowedError):
        form(claims)


def test_whoever_signed_in_as_a_user_is_a_person_everywhere(form: Any) -> None:
    assert form(PERSON).machine is None
    assert Caller.from_rest(rest(PERSON), machines=True).machine is None


@pytest.mark.parametrize("token_use", ["id", "Access", "", None, "refresh", ["access"]])
def test_only_an_access_token_is_taken(form: Any, token_use: Any) -> None:
    with pytest.raises(UnauthenticatedError):
        form({**CLAIMS, "token_use": token_use})


def test_without_claims_there_is_no_caller(form: Any) -> None:
    with pytest.raises(UnauthenticatedError):
        form({})
    for event in ({}, {"identity": None}, {"requestContext": None, "headers": None}):
        with pytest.raises(UnauthenticatedError):
            Caller.from_appsync(event)
        with pytest.raises(UnauthenticatedError):
            Caller.from_rest(event)


@pytest.mark.parametrize("sub", [None, "", "a#b", "*", 5, ["a"], "a b"])
def test_a_token_without_a_usable_subject_is_not_valid_here(form: Any, sub: Any) -> None:
    with pytest.raises(UnauthenticatedError):
        form({**CLAIMS, "sub": sub})


def test_the_header_chooses_among_organisations_however_it_is_spelt(form: Any) -> None:
    assert form(**{"X-Organization-Id": "other"}).organization_id == "other"
    assert form(**{"x-organization-id": "other"}).organization_id == "other"
    assert form(**{"x-organization-id": ""}).organization_id == ORG


@pytest.mark.parametrize("chosen", ["a#b", "*", "a b", "a\nb", "../a", "ORG#a"])
def test_a_header_that_names_no_id_is_refused(form: Any, chosen: str) -> None:
    with pytest.raises(InvalidInputError):
        form(**{"x-organization-id": chosen})


def test_the_path_names_the_organisation_before_header_and_token() -> None:
    event = rest(None, **{"x-organization-id": "header"})
    assert Caller.from_rest(event, "path").organization_id == "path"
    with pytest.raises(InvalidInputError):
        Caller.from_rest(event, "a#b")


def test_without_an_organisation_there_is_a_clear_answer(form: Any) -> None:
    caller = form({"sub": SUB, "token_use": "access"})
    with pytest.raises(NoOrganizationError, match="create one"):
        _ = caller.organization_id


@pytest.mark.parametrize("attribute", SPELLINGS)
@pytest.mark.parametrize("value", ["SuperAdmin", ["SuperAdmin"]])
def test_no_other_claim_or_header_makes_an_operator(form: Any, attribute: str, value: Any) -> None:
    plain = form({"sub": SUB, "token_use": "access"})
    claimed = form({"sub": SUB, "token_use": "access", attribute: value})
    assert claimed == plain
    assert form({"sub": SUB, "token_use": "access"}, **{attribute: str(value)}) == plain
    with pytest.raises(ForbiddenError):
        claimed.require_operator()


@pytest.mark.parametrize(
    ("claim", "groups"),
    [
        (["SuperAdmin", "OrgAdmin"], {"SuperAdmin", "OrgAdmin"}),
        ("SuperAdmin", {"SuperAdmin"}),
        ("SuperAdmin,OrgAdmin", {"SuperAdmin", "OrgAdmin"}),
        ("[SuperAdmin OrgAdmin]", {"SuperAdmin", "OrgAdmin"}),
        ('["SuperAdmin","OrgAdmin"]', {"SuperAdmin", "OrgAdmin"}),
        ("[SuperAdmin]", {"SuperAdmin"}),
        (None, set()),
        ("", set()),
        ("[]", set()),
        ('{"a":1}', set()),
        ("5", set()),
        ("NotSuperAdmin", {"NotSuperAdmin"}),
    ],
)
def test_groups_come_in_the_forms_of_both_doors(claim: Any, groups: set[str]) -> None:
    caller = Caller.from_rest(rest({**CLAIMS, "cognito:groups": claim}))
    assert caller.groups == groups
    if "SuperAdmin" in groups:
        caller.require_operator()


@pytest.mark.parametrize(
    ("trace", "kept"),
    [
        ("Root=1-5f84c7a5-0e1f2d3c4b5a69788796a5b4;Sampled=1", True),
        ("x" * 129, False),
        ("a\nb", False),
        ("<script>", False),
        ("person@example.com", False),
        ("", False),
    ],
)
def test_a_correlation_id_is_short_and_plain_or_left_out(form: Any, trace: str, kept: bool) -> None:
    assert form(**{"X-Amzn-Trace-Id": trace}).correlation_id == (trace if kept else None)


def test_a_long_user_agent_is_cut(form: Any) -> None:
    caller = Caller.from_appsync(appsync(None, **{"user-agent": "x" * 5000}))
    assert len(caller.request.user_agent or "") == 512
