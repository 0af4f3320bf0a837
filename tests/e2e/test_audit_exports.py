"""Exports and reports through the public doors: asked for, followed, fetched over HTTP, private."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pypdfium2
import pytest
import requests

from localcloud.client import GraphqlError, Product, until
from tests.e2e.conftest import PASSWORD, People, Person
from tests.e2e.test_events import RENAME, told_of

SLOW = 90
JOB = "id kind format state percent entries size error from to requestedBy expiresAt url"
REQUEST = (
    f"""mutation($input: AuditExportInput!) {{ requestAuditExport(input: $input) {{ {JOB} }} }}"""
)
REPORT = f"""mutation($input: ComplianceReportInput!) {{
  requestComplianceReport(input: $input) {{ {JOB} }}
}}"""
FOLLOW = f"query($id: ID!) {{ auditExport(id: $id) {{ {JOB} }} }}"
LIST = "query { auditExports { items { id state url } } }"
CANCEL = "mutation($id: ID!) { cancelAuditExport(id: $id) { state } }"
LOG = """query($filter: AuditFilter) { auditLog(first: 100, filter: $filter) {
  items { id type actor { id role } sourceIp userAgent correlationId data }
} }"""
EVER = {"from": "2026-01-01T00:00:00Z", "to": "2035-01-01T00:00:00Z"}

Aws = Callable[[str], Any]


@pytest.fixture(scope="module")
def owner(product: Product, people: People) -> Person:
    """Somebody with something in their log."""
    owner = people.owner("Audited Works")
    for name in ("=cmd|' /C calc'!A0", "株式会社 🚀"):
        product.graphql(RENAME, owner.tokens, name=name)
    told_of(product, owner, "OrganizationUpdated", 2)
    return owner


def done(product: Product, person: Person, job: dict[str, Any]) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = product.graphql(FOLLOW, person.tokens, id=job["id"])["auditExport"]
        assert found["state"] in ("REQUESTED", "RUNNING", "DONE"), found
        return found if found["state"] == "DONE" else None

    return until("the end of the export", look, SLOW, every=0.5)


def asked(product: Product, person: Person, query: str, **given: Any) -> dict[str, Any]:
    [job] = product.graphql(query, person.tokens, input={**EVER, **given}).values()
    return dict(job)


def test_an_export_is_asked_for_followed_and_fetched(product: Product, owner: Person) -> None:
    job = asked(product, owner, REQUEST, format="JSONL")
    assert (job["state"], job["percent"], job["url"]) == ("REQUESTED", 0, None)

    ready = done(product, owner, job)
    answer = requests.get(ready["url"], timeout=30)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert "attachment" in answer.headers["content-disposition"]
    entries = [json.loads(line) for line in answer.text.splitlines()]
    assert (len(entries), len(answer.content)) == (ready["entries"], ready["size"])
    assert [e["occurred_at"] for e in entries] == sorted(e["occurred_at"] for e in entries)
    names = [
        e["data"]["fields"]["name"]["after"] for e in entries if e["type"] == "OrganizationUpdated"
    ]
    assert names == ["=cmd|' /C calc'!A0", "株式会社 🚀"]
    told = told_of(product, owner, "AuditExported")[0]
    assert (told["entityId"], told["actor"]["id"]) == (job["id"], owner.user_id)
    assert json.loads(told["data"])["entries"] == ready["entries"]


def test_a_spreadsheet_gets_what_was_asked_for_and_runs_none_of_it(
    product: Product, owner: Person
) -> None:
    job = asked(product, owner, REQUEST, format="CSV", filter={"type": "OrganizationUpdated"})
    answer = requests.get(done(product, owner, job)["url"], timeout=30)

    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert [row["type"] for row in rows] == ["OrganizationUpdated"] * 2
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())


def test_a_report_is_made_as_pdf_with_all_of_its_text(product: Product, owner: Person) -> None:
    job = asked(product, owner, REPORT, format="PDF")
    answer = requests.get(done(product, owner, job)["url"], timeout=30)

    assert answer.headers["content-type"] == "application/pdf"
    document = pypdfium2.PdfDocument(answer.content)
    text = "\n".join(page.get_textpage().get_text_range() for page in document)
    for expected in ("Compliance report: 株式会社 [U+1F680]", "Who has access (1)", "OWNER"):
        assert expected in text
    assert "Page 1 of" in text


def test_the_log_says_from_where_and_in_which_role(product: Product, owner: Person) -> None:
    [first, *_] = product.graphql(LOG, owner.tokens, filter={"type": "OrganizationUpdated"})[
        "auditLog"
    ]["items"]
    assert first["sourceIp"]
    assert "requests" in first["userAgent"]
    assert json.loads(first["data"])["fields"]["name"]["before"]

    found = product.graphql(LOG, owner.tokens, filter={"correlationId": first["correlationId"]})[
        "auditLog"
    ]["items"]
    assert [each["id"] for each in found] == [first["id"]]
    [exported, *_] = product.graphql(LOG, owner.tokens, filter={"type": "AuditExportRequested"})[
        "auditLog"
    ]["items"]
    assert exported["actor"] == {"id": owner.user_id, "role": "OWNER"}


def test_another_organisation_gets_at_no_export_by_its_id_its_link_or_its_key(
    product: Product, people: People, owner: Person
) -> None:
    ready = done(product, owner, asked(product, owner, REQUEST, format="JSONL"))
    eve = people.owner("Eavesdroppers")

    for query in (FOLLOW, CANCEL):
        with pytest.raises(GraphqlError) as refused:
            product.graphql(query, eve.tokens, id=ready["id"])
        assert refused.value.code == "NOT_FOUND"
    assert product.graphql(LIST, eve.tokens)["auditExports"]["items"] == []

    own = done(product, eve, asked(product, eve, REQUEST, format="JSONL"))
    theirs, mine = urlsplit(ready["url"]), urlsplit(own["url"])
    swapped = mine._replace(path=theirs.path).geturl()
    assert requests.get(swapped, timeout=30).status_code == 403
    assert requests.get(mine._replace(query="").geturl(), timeout=30).status_code == 403
    assert requests.get(own["url"], timeout=30).status_code == 200
    assert f"/{eve.organization_id}/" in mine.path
    assert int(parse_qs(mine.query)["X-Amz-Expires"][0]) <= 300


def test_what_is_cancelled_or_ended_says_so(product: Product, owner: Person) -> None:
    job = asked(product, owner, REQUEST, format="CSV")
    try:
        state = product.graphql(CANCEL, owner.tokens, id=job["id"])["cancelAuditExport"]["state"]
        assert state == "CANCELLED"
    except GraphqlError as error:
        assert error.code == "CONFLICT"  # noqa: PT017 - it was quicker
    found = {e["id"]: e for e in product.graphql(LIST, owner.tokens)["auditExports"]["items"]}
    assert found[job["id"]]["state"] in ("CANCELLED", "DONE")
    assert found[job["id"]]["url"] is None


def test_a_refused_sign_in_of_somebody_suspended_is_in_the_report(
    product: Product, people: People, owner: Person
) -> None:
    """In that of their organisation: whoever else tries, knows the address."""
    someone, operator = people.member(owner.organization_id, "VIEWER"), people.operator()
    suspend = 'mutation($id: ID!) { suspendUser(userId: $id, reason: "row") { status } }'
    product.graphql(suspend, operator.tokens, id=someone.user_id)
    with pytest.raises(Exception, match="Incorrect username or password"):
        product.sign_in(someone.email, PASSWORD)
    activity = told_of(product, owner, "SignInRefused")
    [refused] = [each for each in activity if each["type"] == "SignInRefused"]
    assert refused["entityId"] == someone.user_id

    job = asked(product, owner, REPORT, format="CSV")
    answer = requests.get(done(product, owner, job)["url"], timeout=30)

    text = answer.content.decode("utf-8-sig")
    section = list(csv.reader(io.StringIO(text[text.index("Refused sign-ins") :])))
    [row] = [row for row in section if "SignInRefused" in row]
    assert row[1:3] == ["SignInRefused", "system system"]
    assert "reason: suspended" in row[-1]
    assert owner.organization_id not in row[-1], "of which organisations they are is nobody's"
