"""The mails: in the person's language, with Cognito's placeholders, and nobody's markup."""

import re
from html import escape
from html.parser import HTMLParser

import pytest

from tenantry.identity.messages import LANGUAGES, Branding, Mail, mail

OURS = Branding("Engines & Co", "https://app.example.com")
OCCASIONS = [
    "CustomMessage_SignUp",
    "CustomMessage_ResendCode",
    "CustomMessage_ForgotPassword",
    "CustomMessage_UpdateUserAttribute",
    "CustomMessage_VerifyUserAttribute",
    "CustomMessage_AdminCreateUser",
    "CustomMessage_Authentication",
]
NAUGHTY = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{####}",
    "{username}",
    "{##Click Here##}",
    "$code $subject ${lead}",
    "%s %(code)s {0}",
    "a\r\nBcc: eve@example.com",
    "\u202eada",
    "Ada & Söhne ®",
    "x" * 5000,
]


def made(occasion: str, locale: str | None = "en", name: str | None = None) -> Mail:
    made = mail(occasion, OURS, locales=(locale,), name=name, code="{####}", user_name="{username}")
    assert made is not None
    return made


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)


def tags(html: str) -> list[str]:
    parser = _Tags()
    parser.feed(html)
    return parser.tags


@pytest.mark.parametrize("locale", LANGUAGES)
@pytest.mark.parametrize("occasion", OCCASIONS)
def test_every_mail_holds_the_code_once_and_fits(occasion: str, locale: str) -> None:
    mail = made(occasion, locale, name="Ada")

    assert mail.html.count("{####}") == 1
    assert mail.html.count("{username}") == (1 if occasion.endswith("AdminCreateUser") else 0)
    assert len(mail.subject) <= 140
    assert len(mail.html.encode()) <= 20_000
    assert "$" not in mail.html + mail.subject
    assert "Engines &amp; Co" in mail.html
    assert "Engines & Co" in mail.subject


@pytest.mark.parametrize(
    ("locales", "language"),
    [
        (("de",), "de"),
        (("de-AT", "en"), "de"),
        (("de_DE",), "de"),
        ((None, "de"), "de"),
        (("fr", "de"), "de"),
        (("fr",), "en"),
        ((None,), "en"),
        (("",), "en"),
        (("<de>",), "en"),
    ],
)
def test_the_first_known_language_is_spoken(locales: tuple[str | None, ...], language: str) -> None:
    found = mail("CustomMessage_SignUp", OURS, locales=locales, name=None, code="{####}")

    assert found
    assert f'lang="{language}"' in found.html


@pytest.mark.parametrize("name", NAUGHTY)
@pytest.mark.parametrize("occasion", OCCASIONS)
def test_a_name_brings_in_no_markup_no_code_and_no_header(occasion: str, name: str) -> None:
    plain, naughty = made(occasion, name="Ada"), made(occasion, name=name)

    assert tags(naughty.html) == tags(plain.html)
    assert re.findall(r"\{.*?\}", naughty.html) == re.findall(r"\{.*?\}", plain.html)
    assert naughty.subject == plain.subject
    assert len(naughty.html.encode()) <= 20_000


@pytest.mark.parametrize(
    "name", ["Ada", "Ada L. O'Brien-Söhne", "李雷", "J. R. R. Tolkien", "<b>Ada"]
)
def test_a_person_is_greeted_by_name(name: str) -> None:
    assert f"Hello {escape(name)}," in made("CustomMessage_SignUp", name=name).html


@pytest.mark.parametrize(
    "name",
    [
        "Win at evil.example",
        "http://evil.example",
        "www.evil.example",
        "mail eve@example",
        "Call 0900123456",
        "x" * 61,
        "Ada\nYou have won",
        None,
        " ",
    ],
)
def test_an_advertisement_is_no_name(name: str | None) -> None:
    assert "<p>Hello,</p>" in made("CustomMessage_SignUp", name=name).html


def test_a_product_name_cannot_break_the_subject_line() -> None:
    evil = Branding("Evil\r\nBcc: eve@example.com", "https://x.example")

    found = mail("CustomMessage_SignUp", evil, locales=("en",), name=None, code="{####}")

    assert found
    assert "\n" not in found.subject
    assert "\r" not in found.subject


def test_an_occasion_that_we_do_not_know_is_left_to_cognito() -> None:
    assert mail("CustomMessage_New", OURS, locales=(), name=None, code="{####}") is None
