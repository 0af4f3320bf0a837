"""Text in every field of organisations: an exact round trip, or a clear refusal (row 24)."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.organizations.conftest import Api
from tests.support.naughty_strings import ALL, BLANK, LINES, NOT_LINES, REFUSED, TEXTS, as_kept

OPERATOR: dict[str, Any] = {"user": "root", "groups": ["SuperAdmin"]}


def fault(answer: Any) -> str:
    """The one field that is refused; its words repeat nothing of what was written."""
    assert answer["error"]["code"] == "INVALID_INPUT", answer
    [found] = answer["error"]["details"]["faults"]
    assert answer["error"]["message"].isascii()
    assert answer["error"]["message"].isprintable()
    return str(found["field"])


def changed(api: Api, own: str, name: str, text: str) -> Any:
    return api.ask("updateOrganization", {"input": {name: text}}, organization=own)


@pytest.mark.parametrize("name", ["name", "industry"])
def test_a_line_comes_back_as_it_was_written_or_is_refused(
    organizations_api: Api, name: str
) -> None:
    own = organizations_api.create()["id"]

    for text in LINES:
        answer = changed(organizations_api, own, name, text)
        assert answer["data"][name] == as_kept(text), ascii(text)
        read = organizations_api.data("organization", organization=own)
        assert read[name] == as_kept(text), ascii(text)
    for text in NOT_LINES:
        assert fault(changed(organizations_api, own, name, text)) == name, ascii(text)


def test_a_text_of_several_lines_comes_back_as_it_was_written_or_is_refused(
    organizations_api: Api,
) -> None:
    own = organizations_api.create()["id"]

    for text in (*TEXTS, *BLANK):
        changed(organizations_api, own, "description", text)
        read = organizations_api.data("organization", organization=own)
        assert read["description"] == (as_kept(text) or None), ascii(text)
    for text in REFUSED:
        assert fault(changed(organizations_api, own, "description", text)) == "description"


def test_a_founder_is_told_exactly_what_was_written_over_rest(concurrent_api: Api) -> None:
    """On the local cloud, as moto copies its tables for each transaction."""
    for number, text in enumerate(ALL):
        body = {"name": text, "description": f"- {text}", "industry": "x"}
        answer = concurrent_api.post(body, user=f"u-{number}")
        told = json.loads(answer["body"])
        if text in LINES:
            assert (answer["statusCode"], told["name"]) == (201, as_kept(text)), ascii(text)
            assert told["description"] == as_kept(f"- {text}")
        else:
            assert (answer["statusCode"], told["code"]) == (400, "INVALID_INPUT"), ascii(text)
        assert "\n" not in "".join(str(value) for value in answer["multiValueHeaders"].values())


def _founded(api: Api, _own: str, text: str) -> Any:
    return api.ask("createOrganization", {"input": {"name": "x", "slug": text}}, user="bob")


def _settings(values: Callable[[str], dict[str, Any]]) -> Callable[[Api, str, str], Any]:
    return lambda api, own, text: api.ask(
        "updateOrganizationSettings", {"input": values(text)}, organization=own
    )


def _domain(name: str) -> Callable[[Api, str, str], Any]:
    return lambda api, own, text: api.ask(name, {"domain": text}, organization=own)


FIELDS: dict[str, Callable[[Api, str, str], Any]] = {
    "slug": _founded,
    "branding.logoKey": _settings(lambda text: {"branding": {"logoKey": text}}),
    "branding.primaryColor": _settings(lambda text: {"branding": {"primaryColor": text}}),
    "branding.supportEmail": _settings(lambda text: {"branding": {"supportEmail": text}}),
    "allowedDomains": _settings(lambda text: {"allowedDomains": [text]}),
    "featureFlags.0.name": _settings(
        lambda text: {"featureFlags": [{"name": text, "enabled": True}]}
    ),
    "claimDomain": _domain("claimDomain"),
    "verifyDomain": _domain("verifyDomain"),
    "releaseDomain": _domain("releaseDomain"),
    "clientMutationId": lambda api, _own, text: api.ask(
        # Another fault beside it: what is taken founds nothing.
        "createOrganization",
        {"input": {"name": "", "clientMutationId": text}},
    ),
    "organizationId": lambda api, _own, text: api.ask(
        "suspendOrganization", {"organizationId": text, "reason": "x"}, **OPERATOR
    ),
    "organization": lambda api, _own, text: api.ask("organization", organization=text),
}
"""Fields that are no text for people: what is taken is plain, and so is every refusal."""


@pytest.mark.parametrize("name", FIELDS)
def test_what_is_no_text_for_people_is_plain_or_refused(organizations_api: Api, name: str) -> None:
    own = organizations_api.create()["id"]

    for text in ALL:
        answer = FIELDS[name](organizations_api, own, text)
        if "data" in answer:
            assert text.strip().isascii(), ascii(text)
            assert text.isprintable(), ascii(text)
        else:
            assert answer["error"]["code"] in {
                *("INVALID_INPUT", "NOT_FOUND", "NOT_A_MEMBER", "NO_ORGANIZATION"),
                *("FORBIDDEN", "IDEMPOTENCY_MISMATCH", "SLUG_TAKEN"),
            }, (ascii(text), answer)
            assert answer["error"]["message"].isprintable(), ascii(text)


def test_a_field_that_took_everything_would_be_noticed(
    organizations_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: were lines not checked, what must be refused would be taken."""
    own = organizations_api.create()["id"]
    monkeypatch.setattr(
        "tenantry.runtime.inputs.clean_line.__code__", (lambda value: value).__code__
    )

    answer = changed(organizations_api, own, "name", "a\r\nBcc: x@y.z")

    assert answer["data"]["name"] == "a\r\nBcc: x@y.z"
