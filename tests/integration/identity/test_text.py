"""Text in every field of people: an exact round trip, or a clear refusal (row 24)."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest

from tenantry.runtime.cognito import RefusedError
from tests.integration.identity.conftest import People
from tests.support.naughty_strings import ALL, LINES, NOT_LINES, as_kept

MAILS = [
    "custom_message_sign_up",
    "custom_message_resend_code",
    "custom_message_forgot_password",
    "custom_message_update_user_attribute",
    "custom_message_verify_user_attribute",
    "custom_message_admin_create_user",
]


def test_a_name_comes_back_as_it_was_written_or_is_refused(people: People) -> None:
    people.register()

    for text in LINES:
        assert people.data("updateProfile", {"input": {"name": text}})["name"] == as_kept(text)
        assert people.data("me")["name"] == as_kept(text), ascii(text)
    for text in NOT_LINES:
        answer = people.ask("updateProfile", {"input": {"name": text}})
        assert answer["error"]["code"] == "INVALID_INPUT", ascii(text)
        assert [fault["field"] for fault in answer["error"]["details"]["faults"]] == ["name"]
        assert answer["error"]["message"].isascii()


FIELDS: dict[str, Callable[[People, str], Any]] = {
    **{
        name: lambda people, text, name=name: people.ask("updateProfile", {"input": {name: text}})  # type: ignore[misc]
        for name in ("locale", "timeZone", "avatarKey")
    },
    "organizationId": lambda people, text: people.ask(
        "switchOrganization", {"organizationId": text}
    ),
    "after": lambda people, text: people.ask("myOrganizations", {"after": text}),
    "userId": lambda people, text: people.ask(
        "suspendUser", {"userId": text, "reason": "x"}, user="root", groups=["SuperAdmin"]
    ),
}


@pytest.mark.parametrize("name", FIELDS)
def test_what_is_no_text_for_people_is_plain_or_refused(people: People, name: str) -> None:
    people.register(organization="Acme")

    for text in ALL:
        answer = FIELDS[name](people, text)
        if "data" in answer:
            assert text.strip().isascii(), ascii(text)
            assert text.isprintable(), ascii(text)
        else:
            refused = {"INVALID_INPUT", "NOT_A_MEMBER", "NOT_FOUND", "FORBIDDEN"}
            assert answer["error"]["code"] in refused, (ascii(text), answer)
            assert answer["error"]["message"].isprintable(), ascii(text)


def test_what_a_sign_up_wishes_is_kept_as_it_was_written_or_refused(
    concurrent_people: People,
) -> None:
    """On the local cloud, as moto copies its tables for each transaction."""
    people = concurrent_people
    for number, text in enumerate(LINES):
        user = f"5f0c1a52-0000-4c66-9a63-{number:012}"
        wishes = {"organization_name": text, "name": text}
        people.fire("pre_sign_up", user=user, clientMetadata=wishes)
        people.fire("post_confirmation", user=user)
        [founded] = people.data("myOrganizations", user=user)["items"]
        assert founded["name"] == as_kept(text), ascii(text)
        assert people.data("me", user=user)["name"] == as_kept(text), ascii(text)
    for name in ("organization_name", "name"):
        for text in NOT_LINES:
            with pytest.raises(RefusedError) as refused:
                people.fire("pre_sign_up", clientMetadata={name: text})
            assert str(refused.value).isascii()
            assert str(refused.value).startswith(f"{name}: ")


def test_whatever_an_attribute_says_a_person_comes_in(people: People) -> None:
    """Cognito's attributes may be anything: what is no name is left out."""
    for number, text in enumerate(ALL):
        user = f"5f0c1a52-0000-4c66-9a63-{number:012}"
        people.fire("post_confirmation", user=user, attributes={"name": text, "locale": text})
        [profile] = [found for found in people.stored_of(user) if found["SK"] == "PROFILE"]
        assert profile.get("name") == (as_kept(text) if text in LINES else None), ascii(text)
        assert profile["locale"].isascii()


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[Any] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, attrs))


def shape(html: str) -> Any:
    """A mail's tags with their attributes, and its placeholders."""
    parser = _Tags()
    parser.feed(html)
    return parser.tags, re.findall(r"\{.*?\}", html)


def mail(people: People, name: str, text: str, **more: Any) -> tuple[str, Any]:
    answer = people.fire(
        name, attributes={"name": text, "locale": "en"}, clientMetadata={"name": text}, **more
    )
    return answer["emailSubject"], shape(answer["emailMessage"])


@pytest.mark.parametrize("name", MAILS)
def test_no_name_brings_a_header_a_tag_or_a_code_into_a_mail(people: People, name: str) -> None:
    plain = mail(people, name, "Ada")

    for text in ALL:
        assert mail(people, name, text) == plain, ascii(text)
    assert "\n" not in plain[0]


def test_a_mail_that_did_not_escape_would_be_noticed(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin of the test above."""
    monkeypatch.setattr("tenantry.identity.messages._safe", lambda text: text)
    plain = mail(people, MAILS[0], "Ada")

    differing = [text for text in ALL if mail(people, MAILS[0], text) != plain]

    assert "<script>alert(1)</script>" not in differing  # it could be an advertisement: left out
    assert '"><b>' in differing
    assert "{0}" in differing
