"""Use case: the mails that follow from what becomes of a teardown, once each to everybody.

Nothing in them opens anything: who approves or cancels signs in. No event or log holds an address.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from tenantry.accounts.letters import (
    Filed,
    Subject,
    approval_letter,
    called_off_letter,
    certificate_letter,
    failed_letter,
    grace_letter,
)
from tenantry.accounts.model import Operation, OperationStatus, StepName
from tenantry.accounts.repository import AccountRepository, Addressee, Audience, Farewells
from tenantry.errors import CorruptDataError
from tenantry.mail.model import Brand, Letter, Mail, Mailer
from tenantry.messaging.event import Envelope
from tenantry.messaging.once import Once
from tenantry.organizations.model import Organization
from tenantry.tenancy.access import OrganizationStatus

type Write = Callable[[Addressee], Letter]

_GIVEN_UP = frozenset({OperationStatus.CANCELLED, OperationStatus.AWAITING_APPROVAL})


@dataclass(frozen=True)
class TeardownMails:
    accounts: AccountRepository
    audience: Audience
    farewells: Farewells
    mailer: Mailer | None
    """None where this deployment has no sender."""
    brand: Brand
    rendered: Callable[[Letter, Brand, str], Mail]
    once: Once
    now: Callable[[], datetime]
    archive: str
    """Where certificates are kept, and `keeps` is how long."""
    keeps: timedelta

    def send(self, envelope: Envelope) -> int:
        """Send the mails that follow from an event; answers how many went out now.

        None does for what is over by now. When one cannot be sent those after it wait, and the
        same event again sends the rest.
        """
        account_id, operation_id = (
            str(envelope.data[name]) for name in ("account_id", "operation_id")
        )
        _, operation = self.accounts.read(account_id, operation_id)
        if operation is None:
            return 0
        organization = self.audience.organization(operation.tenant_id)
        match envelope.type:
            case "AccountTeardownRequested":
                return self._ask_for_approval(envelope, operation, organization)
            case "AccountTeardownApproved":
                return self._tell_of_grace(envelope, operation, organization)
            case "AccountTeardownCancelled":
                return self._call_off(envelope, operation, organization)
            case "AccountTeardownFailed":
                return self._tell_of_failure(envelope, operation, organization)
            case "AccountTornDown":
                return self._hand_out_certificate(envelope, operation, organization)
        raise CorruptDataError(f"no mail is known for {envelope.type}")

    def _ask_for_approval(
        self, envelope: Envelope, operation: Operation, organization: Organization | None
    ) -> int:
        """To all who may approve: not to who asked, nor to owners who may do nothing any more."""
        approval_id, until = operation.approval_id, operation.approval_until
        if operation.status is not OperationStatus.AWAITING_APPROVAL or self.mailer is None:
            return 0
        if approval_id is None or until is None or self.now() >= until:
            return 0
        may = {each.user_id: each for each in self.audience.operators()}
        if organization and organization.status is OrganizationStatus.ACTIVE:
            may |= {each.user_id: each for each in self.audience.owners(operation.tenant_id)}
        may.pop(operation.requested_by, None)
        subject, brand = self._subject(operation, organization), self._branded(organization)

        def letter(to: Addressee) -> Letter:
            return approval_letter(subject, approval_id, until, to.locale, brand)

        return self._post(envelope, may.values(), letter, brand)

    def _tell_of_grace(
        self, envelope: Envelope, operation: Operation, organization: Organization | None
    ) -> int:
        """To the owners, the one who asked and the one who approved too: it is about their data."""
        until = operation.not_before
        if operation.status in _GIVEN_UP or until is None or self.mailer is None:
            return 0
        subject, brand = self._subject(operation, organization), self._branded(organization)

        def letter(to: Addressee) -> Letter:
            return grace_letter(subject, until, to.locale, brand)

        return self._post(envelope, self.audience.owners(operation.tenant_id), letter, brand)

    def _call_off(
        self, envelope: Envelope, operation: Operation, organization: Organization | None
    ) -> int:
        """To all who were told of it; of one that nobody approved, to those who were asked too."""
        if operation.status is not OperationStatus.CANCELLED or self.mailer is None:
            return 0
        subject, brand = self._subject(operation, organization), self._branded(organization)
        to_tell = self._concerned(operation)
        if operation.approved_by is None:
            to_tell |= {each.user_id: each for each in self.audience.operators()}

        def letter(to: Addressee) -> Letter:
            return called_off_letter(subject, to.locale, brand)

        return self._post(envelope, to_tell.values(), letter, brand)

    def _tell_of_failure(
        self, envelope: Envelope, operation: Operation, organization: Organization | None
    ) -> int:
        """To the same, unless it goes on again by now; operators have their alarm. Who led an
        organisation that nobody is left of is told too, and kept for the certificate."""
        if operation.status is not OperationStatus.FAILED or self.mailer is None:
            return 0
        subject, brand = self._subject(operation, organization), self._branded(organization)
        to_tell = self._concerned(operation)
        to_tell |= {each.user_id: each for each in self.farewells.kept(operation)}
        code, is_begun = str(envelope.data["code"]), operation.is_committed

        def letter(to: Addressee) -> Letter:
            return failed_letter(subject, code, to.locale, brand, is_begun=is_begun)

        return self._post(envelope, to_tell.values(), letter, brand)

    def _hand_out_certificate(
        self, envelope: Envelope, operation: Operation, organization: Organization | None
    ) -> int:
        """To whom the purge has kept; once somebody is told, their address is kept no longer."""
        certified = operation.step(StepName.CERTIFY).started_at or operation.ended_at
        subject, brand = self._subject(operation, organization), self._branded(organization)
        filed = Filed(
            place=f"{self.archive}/{operation.certificate}",
            until=(certified or self.now()) + self.keeps,
            checksum=str(envelope.data["certificate"]),
        )

        def letter(to: Addressee) -> Letter:
            return certificate_letter(subject, filed, to.locale, brand)

        def forget(to: Addressee) -> None:
            self.farewells.forget(operation, to)

        return self._post(envelope, self.farewells.kept(operation), letter, brand, forget)

    # inside

    def _concerned(self, operation: Operation) -> dict[str, Addressee]:
        """The owners, and the two who asked and approved, whoever they are; each once."""
        found = {each.user_id: each for each in self.audience.owners(operation.tenant_id)}
        for user_id in filter(None, (operation.requested_by, operation.approved_by)):
            if user_id not in found and (to := self.audience.person(user_id)):
                found[user_id] = to
        return found

    def _post(
        self,
        envelope: Envelope,
        people: Iterable[Addressee],
        letter: Write,
        brand: Brand,
        done: Callable[[Addressee], None] = lambda _: None,
    ) -> int:
        """Each for itself: one that is refused sends nobody's a second time, and keeps nobody's
        back. Its error is raised when the others have theirs."""
        sent, failed = 0, list[Exception]()
        for to in people:
            try:
                if self.mailer is not None:
                    mail = self.rendered(letter(to), brand, to.email)
                    once = replace(self.once, consumer=f"{self.once.consumer}-{to.user_id}")
                    sent += once.run(envelope.id, partial(self.mailer.send, mail))
                done(to)
            except Exception as error:
                failed.append(error)
        if failed:
            raise failed[0]
        return sent

    def _subject(self, operation: Operation, organization: Organization | None) -> Subject:
        return Subject(
            account_id=operation.account_id,
            organization=organization.name if organization else None,
            is_cancelled=organization is None
            or organization.status is OrganizationStatus.CANCELLED,
            requester=self.audience.name(operation.requested_by),
            approver=self.audience.name(operation.approved_by) if operation.approved_by else None,
        )

    def _branded(self, organization: Organization | None) -> Brand:
        """The product's brand in the look of the organisation."""
        if organization is None:
            return self.brand
        look = organization.settings.branding
        return Brand(self.brand.product, self.brand.link, look.primary_color, look.support_email)
