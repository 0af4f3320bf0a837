"""Mails about the end of an account: whom they reach, what they say, and each of them once."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from tenantry.accounts.closing import Closing
from tenantry.accounts.mails import TeardownMails
from tenantry.accounts.model import Account, StepName
from tenantry.accounts.repository import Addressee
from tenantry.errors import CorruptDataError, UnavailableError
from tenantry.mail.model import Brand, Mail
from tenantry.mail.rendering import rendered
from tenantry.messaging.changes import envelopes
from tenantry.messaging.event import Envelope
from tenantry.messaging.once import Once
from tenantry.messaging.stamp import Stamp
from tenantry.organizations.model import Organization
from tenantry.persistence.items import to_wire
from tests.support.clock import FakeIds
from tests.support.fakes.mail import Mailbox
from tests.support.invitations import EveryMarker
from tests.unit.accounts.conftest import OPERATOR, OWNER, World
from tests.unit.accounts.test_closing import cancel
from tests.unit.accounts.test_provisioning import always
from tests.unit.accounts.test_teardown import active, approved, asked, due

ADA = Addressee("ada", "ada@acme.example", "en-GB")
BEN = Addressee("ben", "ben@acme.example", "de")
ROOT = Addressee("root", "root@engines.example")
OTHER_OPERATOR = Addressee("root-2", "root-2@engines.example")
KEPT = timedelta(days=365)


@dataclass
class FakeAudience:
    world: World
    leading: list[Addressee] = field(default_factory=lambda: [ADA, BEN])

    def organization(self, tenant_id: str) -> Organization | None:
        return self.world.organizations.get(tenant_id)

    def name(self, user_id: str) -> str | None:
        return {"ada": "Ada Lovelace", "root": "http://buy.example"}.get(user_id)

    def owners(self, tenant_id: str) -> list[Addressee]:
        return self.leading if tenant_id == "acme" else []

    def person(self, user_id: str) -> Addressee | None:
        return {"ada": ADA, "root": ROOT}.get(user_id)

    def operators(self) -> list[Addressee]:
        return [ROOT, OTHER_OPERATOR]


@dataclass
class Post:
    """The mails of one world, and everything that was told in it."""

    world: World
    mailbox: Mailbox = field(default_factory=Mailbox)
    told: dict[str, Envelope] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.audience = FakeAudience(self.world)
        self.mails = TeardownMails(
            accounts=self.world.accounts,
            audience=self.audience,
            farewells=self.world.farewells,
            mailer=self.mailbox,
            brand=Brand("Engines", "https://app.example"),
            rendered=rendered,
            once=Once(EachMarker(), "mails", timedelta(seconds=60), self.world.clock),
            now=self.world.clock,
            archive="tenantry-archive",
            keeps=KEPT,
        )

    def event(self, kind: str) -> Envelope:
        """As the stream tells it, of what stands."""
        for item in self.world.table.items.values():
            record = {"eventName": "INSERT", "dynamodb": {"NewImage": to_wire(item)}}
            for envelope in envelopes(record):
                self.told[envelope.type] = envelope
        return self.told[kind]

    def send(self, kind: str) -> list[Mail]:
        """What goes out now."""
        before = len(self.mailbox.sent)
        count = self.mails.send(self.event(kind))
        sent = self.mailbox.sent[before:]
        assert count == len(sent)
        return sent


class EachMarker(EveryMarker):
    """By consumers too."""

    def begin(self, consumer: str, event_id: str, now: Any, lease: Any) -> bool:
        return super().begin("", f"{consumer} {event_id}", now, lease)

    def done(self, consumer: str, event_id: str, now: Any) -> None:
        super().done("", f"{consumer} {event_id}", now)


@pytest.fixture
def post(world: World) -> Post:
    world.people.of["acme"] = ["ada", "ben", "cleo"]
    world.people.leading = {"ada", "ben"}
    return Post(world)


def closed(world: World) -> Account:
    """Active, of an organisation that has been cancelled since: its end waits for approval."""
    account = active(world)
    cancel(world)
    Closing(world.accounts, world.hosting, Stamp(world.clock, FakeIds())).begin("acme", "c-1")
    return world.account(account.account_id)


def approve(world: World, account: Account, given: dict[str, str | None]) -> None:
    world.teardowns.approve(OPERATOR, account.account_id, given, as_operator=True, reason="case 1")


def addresses(mails: list[Mail]) -> set[str]:
    return {mail.to for mail in mails}


# approval


def test_all_who_may_approve_are_asked_and_who_asked_is_not(post: Post) -> None:
    operation = asked(post.world, active(post.world))

    sent = post.send("AccountTeardownRequested")

    assert addresses(sent) == {BEN.email, ROOT.email, OTHER_OPERATOR.email}
    [mail] = post.mailbox.to(ROOT.email)
    assert mail.subject == "acme is to be deleted: a second person has to approve it"
    assert "Ada Lovelace has asked for acme at Engines to be deleted" in mail.text
    page = f"https://app.example/accounts/{operation.account_id}/teardown#{operation.approval_id}"
    assert page in mail.text
    assert page in mail.html
    assert "It can be approved until 09 March 2026" in mail.text


def test_each_is_asked_in_their_language(post: Post) -> None:
    asked(post.world, active(post.world))
    post.send("AccountTeardownRequested")

    [mail] = post.mailbox.to(BEN.email)
    assert mail.subject == "acme soll gelöscht werden: eine zweite Person muss zustimmen"
    assert "Zustimmen kann man bis 09.03.2026" in mail.text


def test_of_a_cancelled_organisation_operators_alone_are_asked(post: Post) -> None:
    closed(post.world)

    sent = post.send("AccountTeardownRequested")

    assert addresses(sent) == {ROOT.email, OTHER_OPERATOR.email}
    assert sent[0].subject == "acme was cancelled: its data waits for approval to be deleted"


def test_nobody_is_asked_for_what_is_over(post: Post) -> None:
    account = active(post.world)
    waiting = asked(post.world, account)
    event = post.event("AccountTeardownRequested")
    given = {"approvalId": waiting.approval_id}
    approve(post.world, account, given)

    assert post.mails.send(event) == 0


def test_nobody_is_asked_when_it_is_too_late(post: Post) -> None:
    asked(post.world, active(post.world))
    post.world.clock.advance(timedelta(days=7))

    assert post.send("AccountTeardownRequested") == []


# grace


def test_owners_are_told_until_when_it_can_be_cancelled_and_by_whom(post: Post) -> None:
    operation = approved(post.world, active(post.world))
    assert operation.not_before

    sent = post.send("AccountTeardownApproved")

    assert addresses(sent) == {ADA.email, BEN.email}
    [mail] = post.mailbox.to(ADA.email)
    until = operation.not_before.strftime("%d %B %Y, %H:%M UTC")
    assert mail.subject == f"acme will be deleted after {until}"
    assert f"Until {until} each owner of the organisation, and whoever operates Engines" in (
        mail.text
    )
    assert f"https://app.example/accounts/{operation.account_id}/teardown" in mail.text
    # A name that could be an advertisement is left out.
    assert "Somebody has approved" in mail.text


def test_owners_of_a_cancelled_organisation_are_led_nowhere(post: Post) -> None:
    account = closed(post.world)
    waiting = post.world.operation(account)
    given = {"approvalId": waiting.approval_id}
    approve(post.world, account, given)

    sent = post.send("AccountTeardownApproved")

    assert addresses(sent) == {ADA.email, BEN.email}
    [mail] = post.mailbox.to(ADA.email)
    assert "whoever operates Engines can cancel that: ask them for it" in mail.text
    assert "/teardown" not in mail.text


def test_nobody_is_told_of_a_grace_period_that_was_cancelled(post: Post) -> None:
    account = active(post.world)
    approved(post.world, account)
    event = post.event("AccountTeardownApproved")
    post.world.service.cancel(OWNER, account.account_id)

    assert post.mails.send(event) == 0


# called off


def test_who_was_told_of_it_is_told_that_it_is_off(post: Post) -> None:
    """The owners, one of whom asked for it, and the operator who approved it."""
    account = active(post.world)
    approved(post.world, account)
    post.world.service.cancel(OWNER, account.account_id)

    sent = post.send("AccountTeardownCancelled")

    assert sorted(mail.to for mail in sent) == [ADA.email, BEN.email, ROOT.email]
    [mail] = post.mailbox.to(ADA.email)
    assert mail.subject == "acme is not deleted: that was cancelled"
    assert "Nothing was deleted, and it can be used as before" in mail.text
    assert f"https://app.example/accounts/{account.account_id}" in mail.text
    assert "/teardown" not in mail.text
    [german] = post.mailbox.to(BEN.email)
    assert german.subject == "acme wird nicht gelöscht: das wurde abgebrochen"
    assert post.send("AccountTeardownCancelled") == []


def test_all_who_were_asked_to_approve_are_told_that_nobody_need(post: Post) -> None:
    account = active(post.world)
    asked(post.world, account)
    post.world.service.cancel(OWNER, account.account_id)

    sent = post.send("AccountTeardownCancelled")

    assert addresses(sent) == {ADA.email, BEN.email, ROOT.email, OTHER_OPERATOR.email}


def test_one_that_is_given_up_while_it_runs_is_off_too(post: Post) -> None:
    account = active(post.world)
    due(post.world, account)

    def meanwhile(name: str, call: Any) -> Any:
        done = call()
        if name == "AwaitGrace":
            post.world.service.cancel(OWNER, account.account_id)
        return done

    post.world.fault = meanwhile
    post.world.goes_on()

    assert addresses(post.send("AccountTeardownCancelled")) == {ADA.email, BEN.email, ROOT.email}


def test_a_cancelled_organisation_stays_cancelled_though_its_data_is_kept(post: Post) -> None:
    account = closed(post.world)
    approve(post.world, account, {"approvalId": post.world.operation(account).approval_id})
    post.world.service.cancel(
        OPERATOR, account.account_id, as_operator=True, reason="they came back"
    )

    sent = post.send("AccountTeardownCancelled")

    assert addresses(sent) == {ADA.email, BEN.email, ROOT.email}
    [mail] = post.mailbox.to(ADA.email)
    assert mail.subject == "The data of acme is not deleted for now"
    assert "/accounts/" not in mail.text


# failed


def failing(post: Post, function: str) -> Account:
    account = active(post.world)
    due(post.world, account)
    post.world.fault = always(function, "LeftoversError")
    post.world.goes_on()
    return post.world.account(account.account_id)


def test_one_that_failed_before_anything_was_gone_is_told_of_with_the_way_out(post: Post) -> None:
    account = failing(post, "Export")

    sent = post.send("AccountTeardownFailed")

    assert sorted(mail.to for mail in sent) == [ADA.email, BEN.email, ROOT.email]
    [mail] = post.mailbox.to(ADA.email)
    assert mail.subject == "acme could not be deleted so far"
    assert "failed before anything was taken away" in mail.text
    assert "What stood in the way: LEFTOVERS" in mail.text
    assert f"https://app.example/accounts/{account.account_id}/teardown" in mail.text
    assert post.send("AccountTeardownFailed") == []


def test_one_that_stopped_half_way_is_told_to_those_who_led_it_though_nobody_is_left(
    post: Post,
) -> None:
    account = failing(post, "Inventory")
    assert post.world.people.gone == {"ada", "ben", "cleo"}
    post.audience.leading = []

    sent = post.send("AccountTeardownFailed")

    # Ada asked for it too: what is kept of her is for one mail, not for two.
    assert addresses(sent) == {"ada@example.com", "ben@example.com", ROOT.email}
    assert len(sent) == 3
    [mail] = post.mailbox.to(ROOT.email)
    assert mail.subject == "Deleting acme is not finished: something stood in the way"
    assert "what is gone cannot be brought back" in mail.text
    assert "/accounts/" not in mail.text
    assert len(post.world.farewells.kept(post.world.operation(account))) == 2


def test_nobody_is_told_of_a_failure_that_goes_on_again_by_now(post: Post) -> None:
    account = failing(post, "Export")
    event = post.event("AccountTeardownFailed")
    post.world.service.retry(OWNER, account.account_id)

    assert post.mails.send(event) == 0


# the certificate


def torn_down(post: Post) -> Account:
    account = active(post.world)
    due(post.world, account)
    post.world.goes_on()
    return post.world.account(account.account_id)


def test_who_led_it_is_told_where_the_certificate_is_though_nobody_is_left(post: Post) -> None:
    account = torn_down(post)
    assert post.world.people.gone == {"ada", "ben", "cleo"}
    operation = post.world.operation(account)
    certified = operation.step(StepName.CERTIFY).started_at
    assert certified

    sent = post.send("AccountTornDown")

    assert addresses(sent) == {"ada@example.com", "ben@example.com"}
    for mail in sent:
        assert mail.subject == "acme wurde gelöscht: die Bescheinigung"
        for said in (
            f"tenantry-archive/{operation.certificate}",
            str(post.told["AccountTornDown"].data["certificate"]),
            (certified + KEPT).strftime("%d.%m.%Y, %H:%M Uhr (UTC)"),
        ):
            assert said in mail.text
            assert said in mail.html


def test_addresses_are_kept_no_longer_than_until_somebody_is_told(post: Post) -> None:
    operation = post.world.operation(torn_down(post))
    [*kept] = (row for (_, sk), row in post.world.table.items.items() if "FAREWELL#" in sk)
    purged = post.world.clock() + timedelta(days=180)
    assert [row["purge_at"] <= purged.timestamp() for row in kept] == [True, True]

    post.send("AccountTornDown")

    assert post.world.farewells.kept(operation) == []


def test_without_a_sender_nobody_is_told_and_no_address_stays(post: Post) -> None:
    operation = post.world.operation(torn_down(post))

    assert replace(post.mails, mailer=None).send(post.event("AccountTornDown")) == 0
    assert post.world.farewells.kept(operation) == []


# once


def test_each_mail_goes_out_once_though_its_event_comes_again(post: Post) -> None:
    operation = approved(post.world, active(post.world))
    assert len(post.send("AccountTeardownApproved")) == 2
    assert post.send("AccountTeardownApproved") == []
    post.world.clock.advance(timedelta(hours=2))
    post.world.goes_on()
    assert len(post.send("AccountTornDown")) == 2
    assert post.send("AccountTornDown") == []
    assert post.world.farewells.kept(operation) == []


@dataclass
class Breaking(Mailbox):
    """Takes so many, and then none."""

    left: int = 1

    def send(self, mail: Mail) -> None:
        if self.left == 0:
            raise UnavailableError("down")
        self.left -= 1
        super().send(mail)


@pytest.mark.parametrize("kind", ["AccountTeardownApproved", "AccountTornDown"])
def test_when_one_cannot_be_sent_only_those_left_are_sent_later(post: Post, kind: str) -> None:
    account = active(post.world)
    if kind == "AccountTornDown":
        due(post.world, account)
        post.world.goes_on()
    else:
        approved(post.world, account)
    breaking = Breaking()
    mails = replace(post.mails, mailer=breaking)
    with pytest.raises(UnavailableError):
        mails.send(post.event(kind))
    breaking.left = 5
    mails.send(post.event(kind))

    assert sorted(mail.to for mail in breaking.sent) == sorted(
        {"ada@example.com", "ben@example.com"}
        if kind == "AccountTornDown"
        else {ADA.email, BEN.email}
    )


@dataclass
class Refusing(Mailbox):
    """Takes none for one address."""

    address: str = ""

    def send(self, mail: Mail) -> None:
        if mail.to == self.address:
            raise ValueError("refused")
        super().send(mail)


def test_an_address_that_is_refused_keeps_nobody_elses_mail_back(post: Post) -> None:
    account = active(post.world)
    due(post.world, account)
    post.world.goes_on()
    refusing = Refusing(address="ada@example.com")
    mails = replace(post.mails, mailer=refusing)
    with pytest.raises(ValueError, match="refused"):
        mails.send(post.event("AccountTornDown"))

    assert addresses(refusing.sent) == {"ben@example.com"}
    operation = post.world.operation(post.world.account(account.account_id))
    assert [each.email for each in post.world.farewells.kept(operation)] == ["ada@example.com"]


def test_no_event_holds_an_address_or_what_approves(post: Post) -> None:
    account = active(post.world)
    waiting = asked(post.world, account)
    post.event("AccountTeardownRequested")
    given = {"approvalId": waiting.approval_id}
    approve(post.world, account, given)
    post.event("AccountTeardownApproved")
    post.world.clock.advance(timedelta(hours=2))
    post.world.goes_on()
    post.event("AccountTornDown")

    for envelope in post.told.values():
        told = envelope.model_dump_json()
        assert "@" not in told
        assert str(waiting.approval_id) not in told


def test_an_event_that_no_mail_follows_from_is_a_fault_of_ours(post: Post) -> None:
    torn_down(post)
    other = post.event("AccountTornDown").model_copy(update={"type": "AccountMoved"})

    with pytest.raises(CorruptDataError):
        post.mails.send(other)
