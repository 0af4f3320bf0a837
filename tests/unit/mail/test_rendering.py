"""A letter in the layout: HTML that holds nobody's markup, and a text beside it (row 24)."""

from dataclasses import replace
from html.parser import HTMLParser

import pytest
from jinja2 import Environment

from tenantry.mail.model import Action, Brand, Letter, Mail, Quote
from tenantry.mail.rendering import _template, rendered
from tenantry.mail.text import greetable, language_of, leads_elsewhere, one_line, presentable
from tests.support.naughty_strings import ALL, PLAIN
from tools import mail_layout

BRAND = Brand("Engines & Co", "https://app.example.com", "#aa3300", "help@engines.example")
LETTER = Letter(
    language="en",
    subject="An invitation",
    greeting="Hello,",
    paragraphs=("Ada invites you.", "Do come."),
    quote=Quote("Ada", "Dear Bob,\nwelcome!"),
    action=Action("Accept", "https://app.example.com/invitations#t~1~s"),
    closing="Or do nothing.",
)
TO = "bob@example.com"


class Seen(HTMLParser):
    """Tags with their attributes, and the text that a person sees."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_both_parts_say_the_same() -> None:
    mail = rendered(LETTER, BRAND, TO)

    shown = Seen(mail.html)
    for said in ("Hello,", "Ada invites you.", "Do come.", "welcome!", "Accept", "Or do nothing."):
        assert said in shown.text
        assert said in mail.text
    assert "https://app.example.com/invitations#t~1~s" in mail.text
    assert [dict(attributes)["href"] for tag, attributes in shown.tags if tag == "a"] == [
        "https://app.example.com/invitations#t~1~s",
        "https://app.example.com",
    ]


def test_what_is_not_there_leaves_nothing() -> None:
    bare = Letter("en", "Hi", "Hello,", ("One line.",))

    mail = rendered(bare, Brand("Engines", "https://e.example"), TO)

    assert mail.text == "Hello,\n\nOne line.\n\n--\nEngines\nhttps://e.example\n"
    assert "None" not in mail.html


def test_the_organisations_colour_is_the_accent_and_is_read() -> None:
    assert "#aa3300" in rendered(LETTER, BRAND, TO).html
    assert Brand("p", "l", "#ffee99").ink == "#1c2430"
    assert Brand("p", "l", "#112233").ink == "#ffffff"
    assert Brand("p", "l", "red;}</style>").accent == Brand("p", "l").accent


def test_whatever_people_write_makes_no_tag_and_no_attribute() -> None:
    plain = replace(LETTER, quote=Quote("x", "x"), greeting="x", paragraphs=("x", "x"), closing="x")
    expected = Seen(rendered(plain, BRAND, TO).html).tags

    for text in PLAIN:
        letter = replace(
            plain, quote=Quote(text, text), greeting=text, paragraphs=(text, text), closing=text
        )
        mail = rendered(letter, BRAND, TO)
        seen = Seen(mail.html)
        assert seen.tags == expected, ascii(text)
        assert seen.text.count(text) >= 6, ascii(text)
        assert f"> {text}\n" in mail.text


def test_what_people_write_is_no_template() -> None:
    letter = replace(LETTER, quote=Quote("{{ brand }}", "{{ 7*7 }}{% if x %}{# y #}"))

    mail = rendered(letter, BRAND, TO)

    assert "{{ 7*7 }}{% if x %}{# y #}" in mail.text
    assert "49" not in mail.text


def test_without_escaping_markup_would_get_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin of the tests above."""
    original = Environment
    monkeypatch.setattr(
        "tenantry.mail.rendering.Environment",
        lambda **given: original(**{**given, "autoescape": False}),
    )
    _template.cache_clear()

    html = rendered(replace(LETTER, greeting="<script>alert(1)</script>"), BRAND, TO).html

    _template.cache_clear()
    assert "script" in {tag for tag, _ in Seen(html).tags}


def test_a_subject_is_one_line_whatever_is_in_it() -> None:
    for text in ALL:
        mail = rendered(replace(LETTER, subject=f"Re: {text}"), BRAND, TO)
        assert "\n" not in mail.subject, ascii(text)
        assert "\r" not in mail.subject, ascii(text)
    assert one_line("a\r\nBcc: x@y.z\x00\u2028b") == "a Bcc: x@y.z b"
    assert one_line("👩‍👩‍👧‍👦 Ærø") == "👩‍👩‍👧‍👦 Ærø"


@pytest.mark.parametrize(
    "to",
    ["", "bob", "a@b.c, d@e.f", "<a@b.c>", "a@b.c\r\nBcc: d@e.f", '"a"@b.c', "a;b@c.d", "ä@b.c"],
)
def test_a_mail_goes_to_one_plain_address(to: str) -> None:
    with pytest.raises(ValueError, match="address"):
        Mail(to, "Hi", "<p>Hi</p>", "Hi")


@pytest.mark.parametrize("subject", ["", "a\nb", "a\rb", "a\x00b", "a\u2028b", "a\ud800b"])
def test_a_subject_that_breaks_a_line_is_no_mail(subject: str) -> None:
    with pytest.raises(ValueError, match="subject"):
        Mail(TO, subject, "<p>Hi</p>", "Hi")


def test_the_language_is_the_first_that_is_known() -> None:
    assert language_of((None, "fr-FR", "de_AT", "en")) == "de"
    assert language_of(("xx", "")) == "en"


@pytest.mark.parametrize(
    ("name", "person", "organisation"),
    [
        ("Ada", True, True),
        ("O'Brien & Söhne GmbH", True, True),
        ("Studio 2024", False, True),
        ("Call 0190123", False, False),
        ("evil.example", False, False),
        ("https://evil", False, False),
        ("me@evil", False, False),
        ("x" * 61, False, False),
        ("evil\uff0eexample", False, False),
        ("evil\u200b.example", False, False),
        ("me\uff20evil", False, False),
        ("株式会社。東京", True, True),
    ],
)
def test_a_name_that_could_be_an_advertisement_is_left_out(
    name: str, person: bool, organisation: bool
) -> None:
    assert greetable(name) == (name if person else "")
    assert presentable(name) == (name if organisation else "")


@pytest.mark.parametrize(
    ("text", "leads"),
    [
        ("See you at 10:30, in room 1.2.", False),
        ("Welcome.\nAda", False),
        ("1,000.00 + ½", False),
        ("go to evil.example now", True),
        ("HTTPS://EVIL", True),
        ("www.evil", True),
        ("write to me@evil", True),
        ("tel:0190", True),
        ("javascript:alert(1)", True),
        ("evil\uff0ecom", True),
        ("evil\u3002com", True),
        ("evil\u2024com", True),
        ("e\u200bvil\u200b.c\u00adom", True),
        ("\uff4de\uff20evil", True),
        ("evil.\u0440\u0444", True),
        ("\u6b22\u8fce\u3002\u8bf7\u52a0\u5165", False),
        ("z. B. … und so weiter; 👩‍👩‍👧‍👦", False),
    ],
)
def test_a_message_that_leads_elsewhere_is_noticed(text: str, leads: bool) -> None:
    assert leads_elsewhere(text) is leads


def test_the_layout_is_what_its_source_says_and_loads_nothing() -> None:
    assert mail_layout.is_current()
    layout = mail_layout.LAYOUT.read_text()
    for loading in ("<img", "<script", "<link", "@import", "url("):
        assert loading not in layout
