"""Text in every field of licences: an exact round trip, or a clear refusal; none of it in a log."""

from io import StringIO
from typing import Any

import pytest

from tenantry.licenses import bootstrap
from tenantry.messaging.changes import envelopes
from tenantry.persistence.table import Table
from tenantry.runtime.observability import logger
from tests.integration.licenses.conftest import GIVEN, Licenses, wired
from tests.support.fakes.organizations import FakeOperators
from tests.support.naughty_strings import ALL, LINES, NOT_LINES, as_kept


def _refused(answer: Any) -> list[str]:
    """The fields that are refused; the words repeat nothing of what was written."""
    assert answer["error"]["code"] == "INVALID_INPUT", answer
    assert answer["error"]["message"].isascii()
    assert answer["error"]["message"].isprintable()
    return [fault["field"] for fault in answer["error"]["details"]["faults"]]


def test_a_contacts_name_comes_back_as_it_was_written_or_is_refused(
    ministack_platform_table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the local cloud, as moto copies its tables for each transaction."""
    licenses = wired(monkeypatch, ministack_platform_table)
    monkeypatch.setattr(bootstrap, "platform_table", lambda: ministack_platform_table)
    monkeypatch.setattr(bootstrap, "_Operators", FakeOperators)

    for number, text in enumerate(LINES):
        made = licenses.create(contactFullName=text, serviceId=f"s-{number}")
        assert made["contactFullName"] == as_kept(text), ascii(text)
    for text in NOT_LINES:
        answer = licenses.operate("createLicense", **{**GIVEN, "contactFullName": text})
        assert _refused(answer) == ["contactFullName"], ascii(text)


@pytest.mark.parametrize(
    "name",
    [
        "enterpriseId",
        "productId",
        "serviceId",
        "startDate",
        "endDate",
        "contactEmail",
        "contactTimeZone",
        "organizationId",
    ],
)
def test_what_is_no_text_for_people_takes_no_text(licenses: Licenses, name: str) -> None:
    for text in ALL:
        answer = licenses.operate("createLicense", **{**GIVEN, name: text})
        if "data" in answer:
            assert answer["data"][name] == text, ascii(text)
            assert text.isascii()
        elif answer["error"]["code"] not in ("LICENSE_OVERLAP", "NOT_FOUND"):
            assert _refused(answer) == [name], ascii(text)


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("licenses", lambda text: {"after": text}),
        ("licenses", lambda text: {"filter": {"productId": text}}),
        ("licenses", lambda text: {"filter": {"state": text}}),
        ("entitled", lambda text: {"productId": text}),
        ("entitled", lambda text: {"productId": "p", "at": text}),
    ],
)
def test_questions_take_any_text_or_refuse_it(
    licenses: Licenses, field: str, arguments: Any
) -> None:
    for text in ALL:
        answer = licenses.ask(field, arguments(text))
        assert answer.get("data") or _refused(answer), ascii(text)


def test_neither_logs_nor_events_say_who_the_contact_is(
    licenses: Licenses, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", log)
    canary = {"contactFullName": "canary-name", "contactEmail": "canary@canary.example"}

    made = licenses.create(**canary)
    licenses.operate("createLicense", **{**GIVEN, **canary})
    licenses.operate("createLicense", **{**GIVEN, **canary, "contactTimeZone": "canary"})
    where = {"organizationId": "t-1", "licenseId": made["id"]}
    licenses.operate("renewLicense", **where, endDate="2100-12-31", reason="Order 8")
    licenses.ask("licenses", {"filter": {"productId": "canary"}})
    licenses.remind()

    assert made["contactFullName"] == "canary-name"
    assert "root" in log.getvalue()
    assert "canary" not in log.getvalue()
    [stored] = licenses.stored("LICENSE#")
    told = envelopes({"eventName": "INSERT", "dynamodb": {"NewImage": stored}})
    assert [each.type for each in told] == ["LicenseRenewed"]
    assert "canary" not in told[0].model_dump_json()
