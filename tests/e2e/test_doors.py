"""Who may do what, at every door: each field and route with each kind of caller.

The tables in `doors/` are what must be, typed by hand; one that lacks a row fails the build.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from localcloud.client import GraphqlError, Product, Tokens
from tests.e2e.conftest import PASSWORD, People, Person
from tests.e2e.door import (
    ANONYMOUS,
    ANYBODY,
    OPERATORS,
    OWNERS_AND_OPERATORS,
    ROLES,
    Field,
    fields,
    routes,
)

ROOT = Path(__file__).parents[2]
FIELDS = fields()
ROUTES = routes()
UP_TO = {role: set(ROLES[: place + 1]) for place, role in enumerate(ROLES)}

REMOVE = "mutation($user: ID!) { removeUser(userId: $user) { status } }"
SUSPEND = "mutation($user: ID!) { suspendMember(userId: $user) { status } }"
MISSING = "00000000-0000-4000-8000-000000000000"
REFUSALS = {"FORBIDDEN", "NOT_A_MEMBER", "UNAUTHENTICATED", "ORGANIZATION_SUSPENDED"}
# What a caller who may is told when there is nothing to do it with.
HARMLESS = {"NOT_FOUND", "NO_ORGANIZATION", "CONFLICT", "INVITATION_INVALID"}


@dataclass
class World:
    """One organisation with somebody of each role, and all who have no business in it."""

    organization_id: str
    members: dict[str, Person]
    removed: Person
    suspended_member: Person
    stranger: Person
    operator: Person


@pytest.fixture(scope="module")
def world(product: Product, people: People) -> World:
    owner = people.owner("Doors")
    at = owner.organization_id
    members = {"OWNER": owner} | {role: people.member(at, role) for role in ROLES[1:]}
    removed = people.member(at, "ADMIN")
    product.graphql(REMOVE, owner.tokens, user=removed.user_id)
    suspended = people.member(at, "ADMIN")
    product.graphql(SUSPEND, owner.tokens, user=suspended.user_id)
    return World(at, members, removed, suspended, people.owner("Elsewhere"), people.operator())


@pytest.fixture
def call(product: Product, world: World) -> Callable[[str, Tokens | None], str]:
    """Calls a field on the organisation of `world`; answers its code, `ok` when there is none."""

    def called(name: str, tokens: Tokens | None) -> str:
        query = FIELDS[name].query.replace("ORGANIZATION", world.organization_id)
        try:
            product.graphql(
                query.replace("MISSING", MISSING), tokens, world.organization_id, name="Doors"
            )
        except GraphqlError as error:
            return str(error.code)
        return "ok"

    return called


def _code(product: Product, query: str, tokens: Tokens) -> str:
    """What a query is answered with, `ok` when that is data."""
    try:
        product.graphql(query, tokens, name="Doors")
    except GraphqlError as error:
        return str(error.code)
    return "ok"


def _answer(product: Product, query: str, tokens: Tokens) -> Any:
    """What a field answers, or the code of its refusal."""
    try:
        (answer,) = product.graphql(query, tokens, name="Doors").values()
    except GraphqlError as error:
        return error.code
    return answer


def _may(field: Field, role: str) -> bool:
    return field.allowed == ANYBODY or (field.allowed != OPERATORS and role in UP_TO[field.allowed])


def test_every_field_and_route_has_a_row() -> None:
    schema = (ROOT / "schema.graphql").read_text()
    declared = {
        name
        for body in re.findall(r"^type (?:Query|Mutation) {(.*?)^}", schema, re.M | re.S)
        for name in re.findall(r"^  (\w+)[(:]", body, re.M)
    }
    paths: dict[str, Any] = yaml.safe_load((ROOT / "openapi.yaml").read_text())["paths"]
    routes = {(method.upper(), path) for path, methods in paths.items() for method in methods} - {
        ("OPTIONS", path) for path in paths
    }

    assert set(FIELDS) == declared
    assert set(ROUTES) == routes


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", FIELDS)
def test_a_role_may_what_the_table_says(
    name: str, role: str, world: World, call: Callable[[str, Tokens | None], str]
) -> None:
    code = call(name, world.members[role].tokens)

    if _may(FIELDS[name], role):
        assert code == "ok" or code in HARMLESS
    else:
        assert code == "FORBIDDEN"


@pytest.mark.parametrize("name", FIELDS)
def test_those_who_do_not_belong_are_refused_with_tokens_that_are_still_valid(
    name: str, world: World, call: Callable[[str, Tokens | None], str]
) -> None:
    for person in (world.removed, world.suspended_member, world.stranger):
        code = call(name, person.tokens)
        if FIELDS[name].allowed == ANYBODY:
            assert code == "ok" or code in HARMLESS
        elif FIELDS[name].allowed == OPERATORS:
            assert code == "FORBIDDEN"
        else:
            assert code == "NOT_A_MEMBER"


@pytest.mark.parametrize("name", [n for n, f in FIELDS.items() if f.allowed == OPERATORS])
def test_operators_do_what_only_they_may(
    name: str, world: World, call: Callable[[str, Tokens | None], str]
) -> None:
    """They are let in: a query answers, and a mutation says that there is no such thing."""
    code = call(name, world.operator.tokens)
    assert code == "ok" if FIELDS[name].query.startswith("query") else code in HARMLESS


@pytest.mark.parametrize(
    "name", [n for n, f in FIELDS.items() if f.allowed not in (OPERATORS, ANYBODY)]
)
def test_being_an_operator_opens_no_organisation(
    name: str, world: World, call: Callable[[str, Tokens | None], str]
) -> None:
    assert call(name, world.operator.tokens) == "NOT_A_MEMBER"


@pytest.mark.parametrize("name", FIELDS)
def test_an_id_token_is_not_an_access_token(
    name: str, world: World, call: Callable[[str, Tokens | None], str]
) -> None:
    owner = world.members["OWNER"].tokens

    assert call(name, Tokens(owner.id, owner.id, "")) in (
        "UNAUTHENTICATED",
        "UnauthorizedException",
    )


@pytest.mark.parametrize("name", FIELDS)
def test_nobody_gets_in_without_a_token(
    name: str, call: Callable[[str, Tokens | None], str]
) -> None:
    assert call(name, None) == "UnauthorizedException"


ACCOUNT = "/accounts/{accountId}"
WHY = {"reason": "doors"}
TOKEN = {"token": "m~nobody~nothing~" + "A" * 43}
# What each route is asked: the query of its address, and its body. Nothing comes of it: nobody has
# the ids, and what would be made is refused or planned only.
ASKED: dict[tuple[str, str], tuple[str, Any]] = {
    ("GET", "/health"): ("", None),
    ("POST", "/api/webhooks/stripe"): ("", {"id": "evt_1"}),
    ("POST", "/api/invitations/lookup"): ("", TOKEN),
    ("POST", "/api/invitations/decline"): ("", TOKEN),
    ("POST", "/api/organizations"): ("", {"name": ""}),
    ("POST", "/api/organizations/{id}/invite"): (
        "",
        {"email": "routes@invited.example", "role": "VIEWER"},
    ),
    ("POST", "/api/organizations/{id}/members/{userId}/remove"): ("", None),
    ("GET", "/accounts"): ("", None),
    ("POST", "/accounts"): (
        "?dryRun=true",
        {"name": "Doors", "masterAccountName": "Doors", "cloudType": "public"},
    ),
    ("GET", ACCOUNT): ("", None),
    ("GET", f"{ACCOUNT}/operations/{{operationId}}"): ("", None),
    ("POST", f"{ACCOUNT}/retry"): ("", WHY),
    ("POST", f"{ACCOUNT}/cancel"): ("", WHY),
    ("POST", f"{ACCOUNT}/move"): ("", {"to": "private", **WHY}),
    ("GET", f"{ACCOUNT}/technical-user"): ("", None),
    ("POST", f"{ACCOUNT}/technical-user/credentials"): ("", None),
    ("GET", f"{ACCOUNT}/comparison"): ("", None),
    ("GET", f"{ACCOUNT}/teardown-plan"): ("", None),
    ("GET", f"{ACCOUNT}/storage"): ("", None),
    ("GET", "/api/usage"): ("", None),
    ("GET", "/api/entitlements"): ("?productId=p-1", None),
    ("DELETE", ACCOUNT): ("?plan=none&reason=doors", None),
    ("POST", f"{ACCOUNT}/approve"): ("", {"approvalId": MISSING, **WHY}),
}
# Whether a seat is free, and what a body says, is asked of those only who are let in.
LET_IN = {"ok", "INVALID_INPUT", "LIMIT_EXCEEDED", *HARMLESS}


def _asked(
    product: Product,
    route: tuple[str, str],
    world: World,
    tokens: Tokens | None,
    ids: Mapping[str, str] | None = None,
) -> str:
    """What a route answers on the organisation of `world`: its code, `ok` when there is none."""
    (method, path), (query, body) = route, ASKED[route]
    where = path.replace("{id}", world.organization_id)
    where = re.sub(r"{(\w+)}", lambda named: (ids or {}).get(named[1], MISSING), where)
    headers = {"x-organization-id": world.organization_id}
    answer = product.rest(method, f"{where}{query}", tokens, body=body, headers=headers)
    return "ok" if answer.ok else str(answer.json().get("code", answer.status_code))


def test_every_route_is_walked() -> None:
    assert set(ASKED) == set(ROUTES)


@pytest.mark.parametrize("route", ASKED, ids=" ".join)
def test_routes_let_in_whom_the_table_says(
    route: tuple[str, str], product: Product, world: World
) -> None:
    allowed = ROUTES[route]
    outside = (world.removed, world.suspended_member, world.stranger)
    insiders = {
        ANONYMOUS: set(ROLES),
        ANYBODY: set(ROLES),
        OWNERS_AND_OPERATORS: {"OWNER"},
        **{role: UP_TO[role] for role in ROLES},
    }[allowed]

    for role in ROLES:
        code = _asked(product, route, world, world.members[role].tokens)
        assert code in LET_IN if role in insiders else code == "FORBIDDEN", (role, code)
    for person in outside:
        code = _asked(product, route, world, person.tokens)
        open_to_all = allowed in (ANONYMOUS, ANYBODY)
        assert code in LET_IN if open_to_all else code == "NOT_A_MEMBER", code
    code = _asked(product, route, world, world.operator.tokens)
    assert code == "NOT_A_MEMBER" if allowed in ROLES else code in LET_IN, code
    code = _asked(product, route, world, None)
    assert code in LET_IN if allowed == ANONYMOUS else code == "UNAUTHENTICATED", code


@pytest.fixture(scope="module")
def theirs(product: Product, world: World) -> dict[str, str]:
    """What another organisation has, by the arguments that name it."""
    owner = world.stranger.tokens

    def made(query: str) -> Any:
        (answer,) = product.graphql(f"mutation {{ {query} }}", owner).values()
        return answer

    account = made(
        'requestAccount(input: {name: "Theirs", masterAccountName: "Theirs", cloudType: public})'
        " { account { id } operation { id } }"
    )
    return {
        "userId": world.stranger.user_id,
        "invitationId": made(
            'inviteUserToOrganization(input: {email: "theirs@invited.example"}) { id }'
        )["id"],
        "linkId": made('createInvitationLink(input: {domains: ["x.example"], maxUses: 1}) { id }')[
            "id"
        ],
        "id": made(
            'requestAuditExport(input: {format: CSV, from: "2026-01-01T00:00:00Z", '
            'to: "2035-01-01T00:00:00Z"}) { id }'
        )["id"],
        "accountId": account["account"]["id"],
        "operationId": account["operation"]["id"],
        "approvalId": MISSING,
    }


NAMED = re.compile(r'(\w+): "MISSING"')


@pytest.mark.parametrize(
    "name",
    [n for n, f in FIELDS.items() if f.allowed in ROLES and NAMED.search(f.query)],
)
def test_what_another_organisation_has_is_not_found(
    name: str, product: Product, world: World, theirs: dict[str, str]
) -> None:
    query = NAMED.sub(lambda found: f'{found[1]}: "{theirs[found[1]]}"', FIELDS[name].query)

    answer = _answer(product, query, world.members["OWNER"].tokens)
    assert answer in (None, "NOT_FOUND")


@pytest.mark.parametrize(
    "route", [r for r in ASKED if "{accountId}" in r[1] or "{userId}" in r[1]], ids=" ".join
)
def test_routes_do_not_find_it_either(
    route: tuple[str, str], product: Product, world: World, theirs: dict[str, str]
) -> None:
    owner = world.members["OWNER"].tokens

    assert _asked(product, route, world, owner, theirs) == "NOT_FOUND"


def test_a_suspended_organisation_is_read_and_not_changed(
    product: Product, people: People, world: World
) -> None:
    owner = people.owner("To be suspended")
    at = owner.organization_id
    told = 'organizationId: "%s", reason: "unpaid"'
    product.graphql(
        f"mutation {{ suspendOrganization({told % at}) {{ id }} }}", world.operator.tokens
    )
    try:
        for name, field in FIELDS.items():
            if field.allowed in (ANYBODY, OPERATORS):
                continue
            query = field.query.replace("ORGANIZATION", at)
            if field.writes:
                with pytest.raises(GraphqlError) as refused:
                    product.graphql(query, owner.tokens, name="Doors")
                assert refused.value.code == "ORGANIZATION_SUSPENDED", name
            else:
                assert _code(product, query, owner.tokens) in {"ok", *HARMLESS}, name
    finally:
        product.graphql(
            f"mutation {{ reactivateOrganization({told % at}) {{ id }} }}", world.operator.tokens
        )
    product.graphql(FIELDS["updateOrganization"].query, owner.tokens)


def test_another_organisations_id_is_of_no_use(
    product: Product, people: People, world: World
) -> None:
    theirs = world.stranger.organization_id
    with pytest.raises(GraphqlError) as refused:
        product.graphql(
            FIELDS["switchOrganization"].query.replace("ORGANIZATION", theirs),
            world.members["OWNER"].tokens,
        )

    assert refused.value.code == "NOT_A_MEMBER"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "nonsense"},
        {"authorization": "Bearer a.b.c"},
        {"authorization": ""},
    ],
)
def test_rest_wants_a_token_too(product: Product, headers: dict[str, str]) -> None:
    answer = product.rest("POST", "/api/organizations", body={"name": "Nobody's"}, headers=headers)

    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_rest_refuses_an_id_token(product: Product, world: World) -> None:
    owner = world.members["OWNER"].tokens

    answer = product.rest(
        "POST", "/api/organizations", Tokens(owner.id, owner.id, ""), body={"name": "x"}
    )

    assert answer.status_code in (401, 403)


def test_rest_lists_every_fault_of_a_bad_request(product: Product, world: World) -> None:
    answer = product.rest(
        "POST",
        "/api/organizations",
        world.members["OWNER"].tokens,
        body={"name": " ", "slug": "No Slug", "colour": "red"},
    )

    problem = answer.json()
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["code"] == "INVALID_INPUT"
    assert {fault["field"] for fault in problem["faults"]} == {"name", "slug", "colour"}


def test_a_password_is_all_it_takes_and_no_less(product: Product, world: World) -> None:
    email = world.members["VIEWER"].email

    assert product.sign_in(email, PASSWORD).claims["role"] == "VIEWER"
