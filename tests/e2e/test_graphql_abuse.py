"""Requests that no front end sends: refused at once, or answered within limits; never a 5xx."""

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from localcloud.client import Product
from localcloud.demo.stage import Stage
from tests.e2e.conftest import PASSWORD, People, Person

AT_ONCE = 3.0
"""Seconds on a busy machine; what is refused takes milliseconds on a quiet one."""
DEEPEST, MOST_RESOLVERS = 15, 50
MINE = """query($first: Int, $after: String) {
  myOrganizations(first: $first, after: $after) { items { organizationId } nextCursor }
}"""
ACTIVITY = """query($first: Int, $after: String) {
  activity(first: $first, after: $after) { items { id } nextCursor }
}"""


@dataclass(frozen=True)
class Answer:
    status: int
    seconds: float
    body: Any

    @property
    def codes(self) -> list[str]:
        return [str(error.get("errorType")) for error in self.body.get("errors") or []]

    @property
    def data(self) -> Any:
        return self.body.get("data")


type Post = Callable[..., Answer]


@pytest.fixture(scope="module")
def someone(people: People) -> Person:
    return people.owner("Abused")


@pytest.fixture
def post(product: Product, someone: Person) -> Post:
    """Sends a body as it is; every answer is JSON, no 5xx, and tells nothing of our code."""

    def posted(
        body: bytes | str, content_type: str = "application/json", method: str = "POST"
    ) -> Answer:
        started = time.monotonic()
        answer = product.http.request(
            method,
            product.outputs["GraphqlUrl"],
            data=body.encode() if isinstance(body, str) else body,
            headers={"authorization": someone.tokens.access, "content-type": content_type},
            timeout=30,
        )
        seconds = time.monotonic() - started
        assert answer.status_code < 500, answer.text[:300]
        for inward in ("Traceback", "Lambda:Unhandled", "botocore", "/tenantry/"):
            assert inward not in answer.text
        return Answer(answer.status_code, seconds, answer.json())

    return posted


@pytest.fixture
def ask(post: Post) -> Post:
    def asked(query: str, **variables: Any) -> Answer:
        return post(json.dumps({"query": query, "variables": variables}))

    return asked


def nested(depth: int) -> str:
    """A query of `depth` levels; types of the schema alone lie within themselves."""
    inner = depth - 2
    return '{ __type(name: "User") { ' + "ofType { " * (inner) + "name" + " }" * (inner) + " } }"


def test_queries_are_as_deep_as_the_limit_and_no_deeper(ask: Post) -> None:
    for depth in range(2, 76):
        answer = ask(nested(depth))
        assert answer.seconds < AT_ONCE
        if depth <= DEEPEST:
            assert not answer.codes, depth
        else:
            assert answer.codes == ["QueryDepthLimitReached"], depth


def test_depth_hidden_in_fragments_counts(ask: Post) -> None:
    fragments = " ".join(
        f"fragment F{n} on __Type {{ ofType {{ ...F{n + 1} }} }}" for n in range(40)
    )
    query = f'query {{ __type(name: "User") {{ ...F0 }} }} {fragments} '

    assert ask(query + "fragment F40 on __Type { name }").codes == ["QueryDepthLimitReached"]


def test_aliases_are_counted(ask: Post) -> None:
    def aliases(count: int) -> Answer:
        return ask("query { " + " ".join(f"a{n}: me {{ id }}" for n in range(count)) + " }")

    within, above, many = aliases(10), aliases(MOST_RESOLVERS + 1), aliases(500)

    assert len(within.data) == 10
    for refused in (above, many):
        assert refused.codes == ["ResolverExecutionLimitReached"]
        assert refused.data is None
        assert refused.seconds < AT_ONCE


def test_mutations_behind_aliases_are_counted_before_any_runs(
    ask: Post, product: Product, someone: Person
) -> None:
    before = len(product.graphql(MINE, someone.tokens, first=100)["myOrganizations"]["items"])
    create = 'a%d: createOrganization(input: {name: "Spam"}) { id }'

    refused = ask("mutation { " + " ".join(create % n for n in range(51)) + " }")

    assert refused.codes == ["ResolverExecutionLimitReached"]
    after = product.graphql(MINE, someone.tokens, first=100)["myOrganizations"]["items"]
    assert len(after) == before


@pytest.mark.parametrize(
    "query",
    [
        "query { me { ...A } } fragment A on User { id ...A }",
        "query { me { ...A } } fragment A on User { id ...B } fragment B on User { ...A }",
        "query { ...A } fragment A on Query { me { id } ...B } fragment B on Query { ...A }",
        "query { me { ...Missing } }",
        "query { me { id } } query { me { id } }",
        "query A { me { id } } query A { me { id } }",
        "query($a: Nothing) { me { id } }",
        "query { me { id @include } }",
        "query { me { id @nothing } }",
        "mutation { me { id } }",
        "subscription { me { id } }",
        "query { me { password } }",
        "query { user(id: 1) { id } }",
        "{ me }",
        "{ me { id { id } } }",
        "query { " + "...A " * 1000 + "} " + "fragment A on Query { " + "...A " * 1000 + "}",
    ],
)
def test_queries_that_make_no_sense_are_refused_at_once(ask: Post, query: str) -> None:
    answer = ask(query)

    assert answer.body["errors"]
    assert not answer.data
    assert answer.seconds < AT_ONCE


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"1",
        b'"query"',
        b"\xff\xfe\x00",
        b"{}",
        b'{"query": null}',
        b'{"query": 1}',
        b'{"query": ""}',
        b'{"query": "{"}',
        b'{"query": ["{ me { id } }"]}',
        b'{"query": "{ me { id } }", "variables": []}',
        b'{"query": "{ me { id } }", "variables": "x"}',
        b'[{"query": "{ me { id } }"}, {"query": "{ me { id } }"}]',
        b'{"query": "' + b"{ me " * 20_000 + b'"}',
        b"[" * 100_000,
    ],
)
def test_bodies_that_are_no_request_are_refused(post: Post, body: bytes) -> None:
    answer = post(body)

    assert answer.status == 400
    assert answer.codes == ["MalformedHttpRequestException"]
    assert answer.seconds < AT_ONCE


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/xml", "multipart/form-data; boundary=x", "nonsense"]
)
def test_another_content_type_breaks_nothing(post: Post, content_type: str) -> None:
    answer = post('{"query": "{ me { id } }"}', content_type)

    assert answer.status < 500
    assert post("<me/>", content_type).status == 400


def test_a_megabyte_is_refused_or_answered_at_once(ask: Post) -> None:
    commented = ask("{ me { id } } #" + "x" * 1_000_000)
    repeated = ask("{ me { " + "id " * 340_000 + "} }")
    listed = ask("{ me { id } } " + "fragment A on User { id } " * 40_000)

    assert commented.data or commented.codes
    for refused in (repeated, listed):
        assert refused.codes == ["MalformedHttpRequestException"]
        assert refused.seconds < AT_ONCE


def test_huge_variables_are_refused_by_the_rules_of_their_fields(ask: Post) -> None:
    update = "mutation($i: UpdateProfileInput!) { updateProfile(input: $i) { id } }"
    settings = """mutation($i: OrganizationSettingsInput!) {
      updateOrganizationSettings(input: $i) { id }
    }"""
    long = ask(update, i={"name": "x" * 900_000})
    many = ask(settings, i={"allowedDomains": [f"d{n}.example" for n in range(30_000)]})
    flags = ask(
        settings, i={"featureFlags": [{"name": f"f{n}", "enabled": True} for n in range(10_000)]}
    )
    unknown = ask(update, i={"name": "x", "role": "OWNER"})
    coerced = ask(update, i={"name": 1})

    for refused in (long, many, flags):
        assert refused.codes == ["INVALID_INPUT"]
        assert len(json.dumps(refused.body)) < 20_000
        assert refused.seconds < AT_ONCE
    for refused in (unknown, coerced):
        assert refused.body["errors"]
        assert not refused.data
    deep: Any = "x"
    for _ in range(500):
        deep = [deep]
    assert ask(update, i={"name": deep}).body["errors"]


def test_the_api_describes_itself_where_it_is_told_to(
    ask: Post, strict: Stage, people: People
) -> None:
    describe = "{ __schema { queryType { name } } }"
    assert ask(describe).data == {"__schema": {"queryType": {"name": "Query"}}}

    product = strict[0]
    tokens = product.join(people.address(), PASSWORD)
    for query in (describe, '{ __type(name: "User") { name } }'):
        answer = product.http.post(
            product.outputs["GraphqlUrl"],
            json={"query": query},
            headers={"authorization": tokens.access},
            timeout=30,
        ).json()
        assert answer["errors"]
        assert not answer["data"]
    assert product.graphql("{ me { __typename } }", tokens) == {"me": {"__typename": "User"}}


@pytest.mark.parametrize("query", [MINE, ACTIVITY])
@pytest.mark.parametrize("first", [0, -1, 101, 2**31 - 1, -(2**31)])
def test_pages_have_a_size(ask: Post, query: str, first: int) -> None:
    assert ask(query, first=first).codes == ["INVALID_INPUT"]


@pytest.mark.parametrize("query", [MINE, ACTIVITY])
@pytest.mark.parametrize("first", [2**31, "1", 1.5, True, [1]])
def test_a_size_is_a_number(ask: Post, query: str, first: Any) -> None:
    answer = ask(query, first=first)

    assert answer.body["errors"]
    assert not answer.data


def _cursor(position: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


def test_cursors_that_were_tampered_with_are_refused(
    ask: Post, product: Product, people: People, someone: Person
) -> None:
    for n in range(2):
        product.rest("POST", "/api/organizations", someone.tokens, body={"name": f"More {n}"})
    page = product.graphql(MINE, someone.tokens, first=1)["myOrganizations"]
    real = page["nextCursor"]
    tampered = [
        real[:-1],
        real + "A",
        real + "=",
        real.swapcase(),
        "x",
        "'",
        "A" * 9000,
        "\x00",
        "\ud800",
        _cursor({}),
        _cursor([]),
        _cursor("organization"),
        _cursor({"organization": 1}),
        _cursor({"organization": {"S": "x"}}),
        _cursor({"organization": "x", "PK": "ORG#other"}),
        _cursor({"at": "2026-01"}),
        _cursor({"at": "9999-99-99T"}),
    ]

    for cursor in tampered:
        answer = ask(MINE, first=1, after=cursor)
        assert answer.codes == ["INVALID_INPUT"], cursor
    for cursor in [*tampered[4:-2], real]:
        assert ask(ACTIVITY, first=1, after=cursor).codes == ["INVALID_INPUT"], cursor


def test_a_cursor_of_somebody_else_shows_nothing_of_theirs(
    product: Product, people: People, someone: Person
) -> None:
    other = people.owner("Neighbours")
    for n in range(2):
        product.rest("POST", "/api/organizations", other.tokens, body={"name": f"Next door {n}"})
    theirs = {
        item["organizationId"]
        for item in product.graphql(MINE, other.tokens, first=50)["myOrganizations"]["items"]
    }
    cursor = product.graphql(MINE, other.tokens, first=1)["myOrganizations"]["nextCursor"]

    page = product.graphql(MINE, someone.tokens, first=50, after=cursor)["myOrganizations"]

    assert len(theirs) == 3
    assert not theirs & {item["organizationId"] for item in page["items"]}
