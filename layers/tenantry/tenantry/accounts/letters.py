"""What the mails about the end of an account say, by language and occasion."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tenantry.mail.model import Action, Brand, Letter
from tenantry.mail.text import greetable, language_of, presentable
from tenantry.mail.wording import DATE, HELLO, SOMEBODY, Words

_AN_ORGANIZATION: Final = {"en": "An organisation", "de": "Eine Organisation"}

_CATALOG: Final = {
    "en": {
        "approval": Words(
            "$organization is to be deleted: a second person has to approve it",
            "$requester has asked for $organization at $product to be deleted with all its data. "
            "Nothing happens until a second person approves it, and you may.",
            "Look at what would be deleted",
            "You sign in there first. It can be approved until $until; if nobody does, nothing is "
            "deleted.",
        ),
        "approval of one that was cancelled": Words(
            "$organization was cancelled: its data waits for approval to be deleted",
            "$organization at $product has been cancelled. Its data is deleted once an operator "
            "approves it, and you may.",
            "Look at what would be deleted",
            "You sign in there first. It can be approved until $until; if nobody does, nothing is "
            "deleted.",
        ),
        "grace": Words(
            "$organization will be deleted after $until",
            "$approver has approved that $organization at $product is deleted with all its data, "
            "as $requester has asked for. From now on it can be read, and no more.",
            "Cancel the deletion",
            "Until $until each owner of the organisation, and whoever operates $product, can "
            "cancel it. Then it is deleted, and cannot be brought back.",
        ),
        "grace of one that was cancelled": Words(
            "The data of $organization will be deleted after $until",
            "$organization at $product has been cancelled, and $approver has approved that all "
            "its data is deleted.",
            "",
            "Until $until whoever operates $product can cancel that: ask them for it. Then it is "
            "deleted, and cannot be brought back.",
        ),
        "off": Words(
            "$organization is not deleted: that was cancelled",
            "That $organization at $product is deleted, as $requester had asked for, has been "
            "cancelled. Nothing was deleted, and it can be used as before.",
            "Look at the account",
            "If it is to be deleted after all, that has to be asked for and approved anew.",
        ),
        "off for one that was cancelled": Words(
            "The data of $organization is not deleted for now",
            "$organization at $product stays cancelled, but that its data is deleted has been "
            "called off. Nothing was deleted.",
            "",
            "Whoever operates $product knows what becomes of the data: ask them for it.",
        ),
        "failed": Words(
            "$organization could not be deleted so far",
            "Deleting $organization at $product, as $requester has asked for, has failed before "
            "anything was taken away. Until it is tried again it can be read, and no more.",
            "Cancel the deletion",
            "Whoever operates $product has been told, looks at what stood in the way, and tries "
            "again. Until then each owner of the organisation can cancel it.",
            ("What stood in the way: $code",),
        ),
        "failed for one that was cancelled": Words(
            "The data of $organization could not be deleted so far",
            "Deleting the data of $organization at $product has failed before anything was taken "
            "away.",
            "",
            "Whoever operates $product has been told, looks at what stood in the way, and tries "
            "again.",
            ("What stood in the way: $code",),
        ),
        "failed half-way": Words(
            "Deleting $organization is not finished: something stood in the way",
            "Deleting $organization at $product has begun, and has stopped before it was done. "
            "Nobody uses it any more; what is gone cannot be brought back.",
            "",
            "Whoever operates $product has been told, looks at what stood in the way, and goes on "
            "from there. When nothing is left you get the certificate.",
            ("What stood in the way: $code",),
        ),
        "certificate": Words(
            "$organization has been deleted: the certificate",
            "$organization has been deleted at $product. A signed certificate says what was "
            "there, what is gone, and what is kept and until when.",
            "",
            "Whoever operates $product hands it out. Nobody can change it, and this is the last "
            "mail about $organization: your address is kept for it no longer.",
            (
                "Where it lies: $place",
                "Until when: $until",
                "Its checksum (SHA-256 of the statement that is signed): $checksum",
            ),
        ),
    },
    "de": {
        "approval": Words(
            "$organization soll gelöscht werden: eine zweite Person muss zustimmen",
            "$requester möchte, dass $organization bei $product mit allen Daten gelöscht wird. "
            "Es geschieht nichts, bis eine zweite Person zustimmt, und Sie dürfen das.",
            "Ansehen, was gelöscht würde",
            "Dort melden Sie sich zuerst an. Zustimmen kann man bis $until; tut es niemand, wird "
            "nichts gelöscht.",
        ),
        "approval of one that was cancelled": Words(
            "$organization wurde gekündigt: die Löschung der Daten wartet auf Zustimmung",
            "$organization bei $product wurde gekündigt. Die Daten werden gelöscht, sobald jemand "
            "vom Betrieb zustimmt, und Sie dürfen das.",
            "Ansehen, was gelöscht würde",
            "Dort melden Sie sich zuerst an. Zustimmen kann man bis $until; tut es niemand, wird "
            "nichts gelöscht.",
        ),
        "grace": Words(
            "$organization wird nach dem $until gelöscht",
            "$approver hat zugestimmt, dass $organization bei $product mit allen Daten gelöscht "
            "wird, worum $requester gebeten hat. Ab jetzt kann man nur noch lesen.",
            "Löschung abbrechen",
            "Bis $until kann das jeder Inhaber der Organisation abbrechen, und der Betrieb von "
            "$product. Danach wird gelöscht, und nichts lässt sich zurückholen.",
        ),
        "grace of one that was cancelled": Words(
            "Die Daten von $organization werden nach dem $until gelöscht",
            "$organization bei $product wurde gekündigt, und $approver hat zugestimmt, dass alle "
            "Daten gelöscht werden.",
            "",
            "Bis $until kann der Betrieb von $product das abbrechen: bitten Sie ihn darum. Danach "
            "wird gelöscht, und nichts lässt sich zurückholen.",
        ),
        "off": Words(
            "$organization wird nicht gelöscht: das wurde abgebrochen",
            "Dass $organization bei $product gelöscht wird, worum $requester gebeten hatte, wurde "
            "abgebrochen. Es wurde nichts gelöscht, und alles ist nutzbar wie zuvor.",
            "Das Konto ansehen",
            "Soll doch gelöscht werden, muss das neu verlangt werden, und es muss jemand neu "
            "zustimmen.",
        ),
        "off for one that was cancelled": Words(
            "Die Daten von $organization werden vorerst nicht gelöscht",
            "$organization bei $product bleibt gekündigt, aber das Löschen der Daten wurde "
            "abgesagt. Es wurde nichts gelöscht.",
            "",
            "Was mit den Daten geschieht, weiß der Betrieb von $product: fragen Sie ihn danach.",
        ),
        "failed": Words(
            "$organization konnte bisher nicht gelöscht werden",
            "Das Löschen von $organization bei $product, worum $requester gebeten hat, ist "
            "gescheitert, bevor etwas weg war. Bis es neu versucht wird, kann man nur lesen.",
            "Löschung abbrechen",
            "Der Betrieb von $product weiß davon, sieht nach, woran es lag, und versucht es neu. "
            "Bis dahin kann das jeder Inhaber der Organisation abbrechen.",
            ("Woran es lag: $code",),
        ),
        "failed for one that was cancelled": Words(
            "Die Daten von $organization konnten bisher nicht gelöscht werden",
            "Das Löschen der Daten von $organization bei $product ist gescheitert, bevor etwas weg "
            "war.",
            "",
            "Der Betrieb von $product weiß davon, sieht nach, woran es lag, und versucht es neu.",
            ("Woran es lag: $code",),
        ),
        "failed half-way": Words(
            "Das Löschen von $organization ist nicht fertig: es wurde aufgehalten",
            "Das Löschen von $organization bei $product hat begonnen und wurde aufgehalten, bevor "
            "es fertig war. Niemand nutzt es mehr; was weg ist, lässt sich nicht zurückholen.",
            "",
            "Der Betrieb von $product weiß davon, sieht nach, woran es lag, und macht dort weiter. "
            "Wenn nichts mehr da ist, bekommen Sie die Bescheinigung.",
            ("Woran es lag: $code",),
        ),
        "certificate": Words(
            "$organization wurde gelöscht: die Bescheinigung",
            "$organization wurde bei $product gelöscht. Eine unterschriebene Bescheinigung sagt, "
            "was da war, was weg ist, und was wie lange aufbewahrt wird.",
            "",
            "Der Betrieb von $product gibt sie heraus. Niemand kann sie ändern, und dies ist die "
            "letzte Nachricht über $organization: Ihre Adresse wird dafür nicht länger aufbewahrt.",
            (
                "Wo sie liegt: $place",
                "Bis wann: $until",
                "Ihre Prüfsumme (SHA-256 der unterschriebenen Erklärung): $checksum",
            ),
        ),
    },
}


@dataclass(frozen=True)
class Subject:
    """What a mail is about: the organisation, and who has asked for its end and approved it.

    Names are as people wrote them, None where nobody knows one.
    """

    account_id: str
    organization: str | None = None
    is_cancelled: bool = False
    """Whether the organisation ended before, so that nobody of it may do anything any more."""
    requester: str | None = None
    approver: str | None = None


@dataclass(frozen=True)
class Filed:
    """Where a certificate lies, until when, and the checksum of what it states."""

    place: str
    until: datetime
    checksum: str


def approval_letter(
    subject: Subject, approval_id: str, until: datetime, locale: str | None, brand: Brand
) -> Letter:
    """To somebody who may approve. The id opens nothing by itself: they sign in."""
    language = language_of((locale,))
    occasion = "approval of one that was cancelled" if subject.is_cancelled else "approval"
    words = _said(language, occasion, subject, brand, until=_time(until, language))
    return _letter(language, words, f"{_page(subject, brand)}#{approval_id}")


def grace_letter(subject: Subject, until: datetime, locale: str | None, brand: Brand) -> Letter:
    """To an owner."""
    language = language_of((locale,))
    occasion = "grace of one that was cancelled" if subject.is_cancelled else "grace"
    words = _said(language, occasion, subject, brand, until=_time(until, language))
    return _letter(language, words, None if subject.is_cancelled else _page(subject, brand))


def called_off_letter(subject: Subject, locale: str | None, brand: Brand) -> Letter:
    """To somebody who was told that it was to be deleted."""
    language = language_of((locale,))
    cancelled = subject.is_cancelled
    occasion = "off for one that was cancelled" if cancelled else "off"
    words = _said(language, occasion, subject, brand)
    return _letter(language, words, None if cancelled else _account(subject, brand))


def failed_letter(
    subject: Subject, code: str, locale: str | None, brand: Brand, *, is_begun: bool
) -> Letter:
    """To the same; `is_begun` says whether anything may be gone. `code` is a stable one."""
    language = language_of((locale,))
    if is_begun:
        return _letter(
            language, _said(language, "failed half-way", subject, brand, code=code), None
        )
    cancelled = subject.is_cancelled
    occasion = "failed for one that was cancelled" if cancelled else "failed"
    words = _said(language, occasion, subject, brand, code=code)
    return _letter(language, words, None if cancelled else _page(subject, brand))


def certificate_letter(subject: Subject, filed: Filed, locale: str | None, brand: Brand) -> Letter:
    """To somebody who was an owner."""
    language = language_of((locale,))
    facts = {"place": filed.place, "until": _time(filed.until, language)}
    words = _said(language, "certificate", subject, brand, **facts, checksum=filed.checksum)
    return _letter(language, words, None)


def _account(subject: Subject, brand: Brand) -> str:
    """Of the front end, like the page of its teardown."""
    return f"{brand.link}/accounts/{subject.account_id}"


def _page(subject: Subject, brand: Brand) -> str:
    return f"{_account(subject, brand)}/teardown"


def _said(language: str, occasion: str, subject: Subject, brand: Brand, **gaps: str) -> Words:
    return _CATALOG[language][occasion].filled(
        organization=presentable(subject.organization or "") or _AN_ORGANIZATION[language],
        product=brand.product,
        requester=_name(subject.requester, language),
        approver=_name(subject.approver, language),
        **gaps,
    )


def _letter(language: str, words: Words, url: str | None) -> Letter:
    return Letter(
        language=language,
        subject=words.subject,
        greeting=HELLO[language],
        paragraphs=(words.lead, *words.facts),
        action=Action(words.action, url) if url else None,
        closing=words.closing,
    )


def _time(at: datetime, language: str) -> str:
    return at.strftime(DATE[language])


def _name(name: str | None, language: str) -> str:
    return greetable(name or "") or SOMEBODY[language]
