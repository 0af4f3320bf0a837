"""`/mailbox`: the mails that the local cloud sent, for people and, as JSON, for tests.

GET /mailbox                 a page, newest mail first
GET /mailbox.json?to=        the same as a list; `to` is one recipient's address
GET /mailbox/<id>            one mail's HTML, in a document that runs and loads nothing
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from html.parser import HTMLParser
from http import HTTPMethod, HTTPStatus
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs

from localcloud.edge.http import Scope, Send, respond, respond_json

PATH = "/mailbox"

# Cognito's codes have six digits, those of passwordless sign-in eight. Not a part of a longer
# number, a word, an amount or an address.
_CODE = re.compile(r"(?<![\w#/.,:+-])(\d{6}|\d{8})(?![\w/-]|[.,:]\d)")
_LINK = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]]")
_ADDRESS = re.compile(r"<([^<>]+)>\s*$")
_UNSEEN = frozenset({"head", "script", "style", "template", "title"})
_BREAKS = frozenset(
    {"br", "div", "h1", "h2", "h3", "h4", "hr", "li", "p", "table", "td", "th", "tr", "ul", "ol"}
)
_SANDBOX = "allow-popups allow-popups-to-escape-sandbox"
# Inline styles make mails look as meant; everything that runs or loads is refused.
_MAIL_POLICY = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox {_SANDBOX}"


@dataclass(frozen=True, slots=True)
class Mail:
    """One sent mail; `text` is made from the HTML when the mail has none."""

    id: str
    sender: str
    to: list[str]
    subject: str
    text: str
    html: str
    links: list[str]
    codes: list[str]
    sent_at: str

    def as_json(self) -> dict[str, Any]:
        """The mail as `/mailbox.json` shows it: `sender` is called `from`."""
        fields = asdict(self)
        fields["from"] = fields.pop("sender")
        return fields


async def handle(scope: Scope, send: Send) -> None:
    """Answer a request for the mailbox."""
    if scope["method"] not in {HTTPMethod.GET, HTTPMethod.HEAD}:
        await respond(send, "read only", status=HTTPStatus.METHOD_NOT_ALLOWED)
        return
    path = scope["path"].rstrip("/")
    if path == PATH:
        await _respond_page(send)
    elif path == f"{PATH}.json":
        wanted = parse_qs(scope.get("query_string", b"").decode()).get("to", [""])[0]
        await respond_json(send, [mail.as_json() for mail in await sent_to(wanted)])
    else:
        wanted = path.removeprefix(f"{PATH}/")
        found = [mail for mail in await sent_to("") if mail.id == wanted]
        if found:
            await _respond_mail(send, found[0])
        else:
            await respond(send, "no such mail", status=HTTPStatus.NOT_FOUND)


async def sent_to(address: str) -> list[Mail]:
    """The mails to an address, or all for an empty one, newest first."""
    wanted = address.strip().casefold()
    return [
        mail
        for mail in await _sent()
        if not wanted or wanted in {_bare(each).casefold() for each in mail.to}
    ]


async def _sent() -> list[Mail]:
    from ministack import app

    _, _, body = await app._handle_ses_messages_request(
        HTTPMethod.GET, "/_ministack/ses/messages", {}, {}
    )
    records = [
        (record["Timestamp"], number, record)
        for account in json.loads(body)["messages"].values()
        for number, record in enumerate(account)
    ]
    return [read_mail(record) for _, _, record in sorted(records, key=_age, reverse=True)]


def _age(entry: tuple[float, int, Any]) -> tuple[float, int]:
    return entry[0], entry[1]


def read_mail(record: dict[str, Any]) -> Mail:
    """A mail as SES keeps it, with its text, links and codes found."""
    html = record.get("BodyHtml") or ""
    content = _Content.of(html)
    text = (record.get("BodyText") or content.text).strip()
    return Mail(
        id=record["MessageId"].partition("@")[0],
        sender=record["Source"],
        to=[*record["To"], *record["CC"], *record["BCC"]],
        subject=record["Subject"],
        text=text,
        html=html,
        links=_unique([*content.links, *_LINK.findall(text)]),
        codes=_unique(_CODE.findall(f"{record['Subject']}\n{_LINK.sub('', text)}")),
        sent_at=datetime.fromtimestamp(record["Timestamp"], UTC).isoformat(timespec="milliseconds"),
    )


class _Content(HTMLParser):
    """What a person sees of HTML: its text and where its links lead."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[str] = []
        self._pieces: list[str] = []
        self._unseen = 0

    @classmethod
    def of(cls, html: str) -> _Content:
        content = cls()
        content.feed(html)
        content.close()
        return content

    @property
    def text(self) -> str:
        lines = (" ".join(line.split()) for line in "".join(self._pieces).split("\n"))
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._unseen += tag in _UNSEEN
        if tag in _BREAKS:
            self._pieces.append("\n")
        target = dict(attrs).get("href") or ""
        if tag == "a" and target.startswith(("http://", "https://")):
            self.links.append(target)

    def handle_endtag(self, tag: str) -> None:
        self._unseen -= tag in _UNSEEN and self._unseen > 0
        if tag in _BREAKS:
            self._pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self._pieces.append(data.replace("\n", " "))


def _unique(values: list[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _bare(address: str) -> str:
    match = _ADDRESS.search(address)
    return match[1] if match else address.strip()


async def _respond_page(send: Send) -> None:
    nonce = secrets.token_urlsafe(16)
    page = files("localcloud.edge").joinpath("mailbox.html").read_text(encoding="utf-8")
    await respond(
        send,
        page.replace("{nonce}", nonce),
        headers={
            "content-security-policy": (
                f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; "
                "connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; "
                "frame-ancestors 'none'"
            ),
            "referrer-policy": "no-referrer",
        },
    )


async def _respond_mail(send: Send, mail: Mail) -> None:
    await respond(
        send,
        # Links open beside the mailbox, and never learn where they were opened from.
        f'<!doctype html><base target="_blank"><meta name="referrer" content="no-referrer">'
        f'<meta name="color-scheme" content="light">{mail.html}',
        headers={"content-security-policy": _MAIL_POLICY, "referrer-policy": "no-referrer"},
    )
