"""Mails: what a context has to say, whose look it has, and what is sent."""

import re
from dataclasses import dataclass
from typing import Final, Protocol

from tenantry.mail.text import breaks_a_line

_COLOR: Final = re.compile(r"#[0-9a-f]{6}")
_DEFAULT_COLOR: Final = "#2f5fd0"
_ADDRESS: Final = re.compile(r"[!-~]+@[!-~]+")
_SEPARATORS: Final = frozenset('<>,;:"()[]\\')
_DARK: Final = 0.45
"""Above this luminance a colour is so light that white on it is hard to read."""


@dataclass(frozen=True)
class Brand:
    """Who sends: the product, where it lives, and the look of the organisation it is about."""

    product: str
    link: str
    color: str | None = None
    """`#rrggbb`."""
    support: str | None = None
    """Where people ask."""

    @property
    def accent(self) -> str:
        return self.color if self.color and _COLOR.fullmatch(self.color) else _DEFAULT_COLOR

    @property
    def ink(self) -> str:
        """Black or white, whichever reads better on the accent."""
        red, green, blue = (int(self.accent[at : at + 2], 16) / 255 for at in (1, 3, 5))
        light = 0.2126 * red + 0.7152 * green + 0.0722 * blue
        return "#1c2430" if light > _DARK else "#ffffff"


@dataclass(frozen=True)
class Quote:
    """What a person wrote, under who they are."""

    author: str
    text: str


@dataclass(frozen=True)
class Action:
    """The one thing to do."""

    label: str
    url: str


@dataclass(frozen=True)
class Letter:
    """What is said, as plain text: the layout alone makes HTML of it."""

    language: str
    subject: str
    greeting: str
    paragraphs: tuple[str, ...]
    quote: Quote | None = None
    action: Action | None = None
    closing: str = ""


@dataclass(frozen=True)
class Mail:
    """A mail to one address. ValueError for what could bring in a header or another recipient."""

    to: str
    subject: str
    html: str
    text: str

    def __post_init__(self) -> None:
        if not _ADDRESS.fullmatch(self.to) or _SEPARATORS & set(self.to):
            raise ValueError("a mail goes to one plain address")
        if not self.subject or any(breaks_a_line(c) for c in self.subject):
            raise ValueError("a subject is one line")


class Mailer(Protocol):
    """Port: sends mails."""

    def send(self, mail: Mail) -> None:
        """Hand the mail over; UnavailableError when that may work later."""
