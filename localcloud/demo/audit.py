"""Chapter: what is kept of all that happened, and how an organisation takes it away."""

import json
import secrets
from typing import Any

import requests

from localcloud.client import Product, Tokens, until
from localcloud.demo.story import Story, refused

PASSWORD = "Correct-Horse-7-Battery"
EVER = {"from": "2026-01-01T00:00:00Z", "to": "2035-01-01T00:00:00Z"}

RENAME = "mutation($name: String!) { updateOrganization(input: {name: $name}) { name } }"
LOG = """query($type: String) { auditLog(first: 20, filter: {type: $type}) {
  items { type actor { name role } sourceIp correlationId data }
} }"""
EXPORT = """mutation($input: AuditExportInput!) {
  requestAuditExport(input: $input) { id state percent }
}"""
REPORT = """mutation($input: ComplianceReportInput!) {
  requestComplianceReport(input: $input) { id state percent }
}"""
FOLLOW = "query($id: ID!) { auditExport(id: $id) { state percent entries size error url } }"


def audit(story: Story) -> None:
    """The log, an export of it, and a compliance report."""
    product, run = story.product, secrets.token_hex(3)
    name = f"Ledger Works {run}"
    tokens = product.join(f"ada-{run}@ledger.example", PASSWORD, organization_name=name, name="Ada")

    with story.step("The log says what changed, by whom, in which role, and from where") as note:
        product.graphql(RENAME, tokens, name=f"=Ledger {run}")
        [entry] = until("the renaming in the log", lambda: _renamings(product, tokens))
        actor, data = entry["actor"], json.loads(entry["data"])
        changed = data["fields"]["name"]
        note(f"{changed['before']} -> {changed['after']}")
        note(f"by {actor['name']}, from {entry['sourceIp']}, under {entry['correlationId']}")

    with story.step(
        "Ada takes the log away as JSON lines, through a link for five minutes"
    ) as note:
        job = product.graphql(EXPORT, tokens, input={**EVER, "format": "JSONL"})
        ready = _done(product, tokens, job["requestAuditExport"])
        lines = requests.get(ready["url"], timeout=30).text.splitlines()
        assert len(lines) == ready["entries"], ready
        note(f"{ready['entries']} entries, {ready['size']:.0f} bytes")
        note(", ".join(json.loads(line)["type"] for line in lines[:4]) + ", ...")

    with story.step("The same link for another file is refused") as note:
        moved = ready["url"].replace("00001", "00002")
        note(f"HTTP {requests.get(moved, timeout=30).status_code}")
        assert requests.get(moved, timeout=30).status_code != requests.codes.ok

    with story.step(
        "A compliance report as PDF: who has access, and what was done about it"
    ) as note:
        job = product.graphql(REPORT, tokens, input={**EVER, "format": "PDF"})
        ready = _done(product, tokens, job["requestComplianceReport"])
        content = requests.get(ready["url"], timeout=30).content
        assert content.startswith(b"%PDF"), content[:20]
        note(f"{ready['entries']} rows, {len(content)} bytes")

    with story.step("Another organisation gets nothing of it") as note:
        eve = product.join(
            f"eve-{run}@elsewhere.example", PASSWORD, organization_name=f"Elsewhere {run}"
        )
        made = job["requestComplianceReport"]["id"]
        note(refused(lambda: product.graphql(FOLLOW, eve, id=made), "NOT_FOUND"))


def _renamings(product: Product, tokens: Tokens) -> list[dict[str, Any]] | None:
    found = product.graphql(LOG, tokens, type="OrganizationUpdated")["auditLog"]["items"]
    return list(found) or None


def _done(product: Product, tokens: Tokens, job: dict[str, Any]) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = product.graphql(FOLLOW, tokens, id=job["id"])["auditExport"]
        assert not found["error"], found
        return found if found["state"] == "DONE" else None

    return until("the result", look)
