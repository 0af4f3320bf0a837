"""What people wrote, in mails to others: in whose language, and what may be shown of it.

Anybody can sign up, name themselves and their organisation as they like, and have a mail of ours
sent to a stranger. So a name that could be an advertisement is left out, and a message that leads
elsewhere is refused where it is written.
"""

import re
import unicodedata
from collections.abc import Container, Iterable
from typing import Final

LANGUAGES: Final = ("en", "de")
"""The first one is for whoever speaks none of them."""

_LONGEST_NAME: Final = 60
_BREAKS: Final = frozenset({"Cc", "Zl", "Zp", "Cs"})
_REORDERS: Final = r"\x00-\x1f\u2028-\u202e\u2066-\u2069"
_NO_NAME: Final = re.compile(rf"[:/@\\{_REORDERS}]|\w\.\w|\d{{4}}")
_NO_TITLE: Final = re.compile(rf"[:/@\\{_REORDERS}]|\w\.\w|\d{{5}}")
_LEADS_ELSEWHERE: Final = re.compile(
    r"[a-z][a-z0-9+.-]*://|\bwww\.|\S@\S|[\w-]\.[^\W\d_]{2,}|\b(?:mailto|tel|data|javascript):",
    re.IGNORECASE,
)
_A_DOT: Final = re.compile(r"(?<=[a-z0-9-])\u3002(?=[a-z0-9])", re.IGNORECASE)
"""The full stop of East Asian writing between letters of ours: browsers take it for a dot."""


def language_of(locales: Iterable[str | None], known: Container[str] = LANGUAGES) -> str:
    """The first of the `known` languages that `locales` name, else the first of all."""
    for locale in locales:
        language = (locale or "").replace("_", "-").partition("-")[0].lower()
        if language in known:
            return language
    return LANGUAGES[0]


def greetable(name: str) -> str:
    """A person's `name` when it looks like one, else nothing.

    It is short, one line, and holds nothing that links or dials.
    """
    return _shown(name, _NO_NAME)


def presentable(title: str) -> str:
    """An organisation's name, as `greetable`; it may hold the number of a year."""
    return _shown(title, _NO_TITLE)


def leads_elsewhere(text: str) -> bool:
    """Whether a mail program could make a link of something in `text`."""
    return any(_LEADS_ELSEWHERE.search(each) for each in (text, _plain(text)))


def one_line(text: str) -> str:
    """`text` as a header takes it: on one line, without controls."""
    return " ".join("".join(" " if breaks_a_line(c) else c for c in text).split())


def breaks_a_line(character: str) -> bool:
    """Whether it is a control, ends a line or a paragraph, or is half of a character."""
    return unicodedata.category(character) in _BREAKS


def _shown(name: str, barred: re.Pattern[str]) -> str:
    text = name.strip()
    leads = any(barred.search(each) for each in (text, _plain(text)))
    return "" if len(text) > _LONGEST_NAME or leads else text


def _plain(text: str) -> str:
    """`text` as a browser would take it for an address: wide letters as narrow ones, and without
    what does not show."""
    folded = unicodedata.normalize("NFKC", text)
    return _A_DOT.sub(".", "".join(c for c in folded if unicodedata.category(c) != "Cf"))
