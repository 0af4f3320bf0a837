"""2,000 events that mails follow from, each 1 to 5 times, in any order: each mail goes out once."""

import random
from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from tenantry.invitations.model import Invitation
from tenantry.mail.model import Brand, Letter, Mail
from tenantry.messaging.changes import envelopes
from tenantry.messaging.event import Envelope
from tenantry.messaging.once import Once
from tenantry.messaging.stamp import Stamp
from tenantry.organizations.model import PlanName
from tenantry.persistence.items import to_wire
from tenantry.persistence.keys import key
from tests.support.clock import FakeClock, FakeIds
from tests.support.fakes.mail import Mailbox
from tests.support.fakes.table import InMemoryTable
from tests.support.invitations import ACME, MAILED, Acme, EveryMarker
from tests.support.streams import shuffled_with_duplicates

EVENTS = 2_000
ADA = "ada@acme.example"


def plainly(letter: Letter, _brand: Brand, to: str) -> Mail:
    """A mail without its looks, which are shown elsewhere."""
    return Mail(to=to, subject=letter.subject, text="", html="")


@dataclass
class History:
    """What happened before any mail went out: the events, what is stored, and the mails due."""

    acme: Acme
    events: list[Envelope]
    stored: dict[Any, Any]
    due: Counter[str]
    """How many mails an address gets, whatever the order: none for what is over, or was renewed."""


def told(acme: Acme, invitation: Invitation) -> Envelope:
    """The event of the invitation's latest version."""
    item = acme.table.get(key(f"ORG#{ACME}", f"INVITATION#{invitation.invitation_id}"))
    assert item
    record = {"eventName": "INSERT", "dynamodb": {"NewImage": to_wire(item)}}
    [envelope] = envelopes(record)
    assert envelope.type in MAILED
    return envelope


@pytest.fixture(scope="module")
def history() -> History:
    """Invitations of which every third was sent again, every third accepted, and the rest wait."""
    clock, table = FakeClock(), InMemoryTable("platform")
    acme = Acme(table, clock, Stamp(now=clock, new_id=FakeIds()), plan=PlanName.ENTERPRISE)
    events, due, number = list[Envelope](), Counter[str](), 0
    while len(events) < EVENTS:
        email = f"p-{number}@example.com"
        made = acme.invite(email)
        events.append(told(acme, made))
        where = key(f"ORG#{ACME}", f"INVITATION#{made.invitation_id}")
        match number % 3:
            case 0:
                due[email] = 1
            case 1:
                events.append(told(acme, acme.service.resend(acme.ada, made.invitation_id)))
                due[email] = 1
            case 2:
                accepted = {"type": "InvitationAccepted", "id": f"accepted-{number}"}
                events.append(events[-1].model_copy(update=accepted))
                acme.put(where, status="ACCEPTED")
                due[ADA] += 1
        number += 1
    return History(acme, events, dict(table.items), due)


def delivered(history: History, seed: int, markers: EveryMarker) -> Counter[str]:
    """How many mails each address gets."""
    assert isinstance(history.acme.table, InMemoryTable)
    history.acme.table.items = dict(history.stored)
    mailbox, dice = Mailbox(), random.Random(seed)
    once = Once(markers, "mails", timedelta(seconds=60), history.acme.clock)
    mails = replace(history.acme.mails, mailer=mailbox, rendered=plainly, once=once)
    for envelope in shuffled_with_duplicates(history.events, 5, dice.randint):
        mails.send(envelope)
    return Counter(mail.to for mail in mailbox.sent)


@pytest.mark.figures
@pytest.mark.parametrize("seed", range(20))
def test_2000_events_in_any_order_and_number_send_each_mail_once(
    history: History, seed: int
) -> None:
    assert len(history.events) >= EVENTS
    assert delivered(history, seed, EveryMarker()) == history.due, f"seed {seed}"


class Forgetful(EveryMarker):
    def done(self, consumer: str, event_id: str, now: Any) -> None:
        """Keeps nothing."""


@pytest.mark.figures
def test_without_markers_mails_would_go_out_again(history: History) -> None:
    """The twin."""
    assert delivered(history, 0, Forgetful()).total() > history.due.total()
