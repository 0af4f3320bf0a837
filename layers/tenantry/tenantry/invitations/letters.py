"""What the mails about invitations say, by language and occasion."""

from datetime import datetime
from typing import Final

from tenantry.invitations.model import Invitation, InvitationLink, Token
from tenantry.invitations.repository import Person, Sender
from tenantry.mail.model import Action, Brand, Letter, Quote
from tenantry.mail.text import greetable, language_of, presentable
from tenantry.mail.wording import DATE, HELLO, SOMEBODY, Words
from tenantry.tenancy.roles import Role

PAGE: Final = "/invitation"
"""Of the front end. The token stands in the fragment, which browsers send to nobody."""
_AN_ORGANIZATION: Final = {"en": "an organisation", "de": "einer Organisation"}
_ROLES: Final = {
    "en": {
        Role.OWNER: "an owner",
        Role.ADMIN: "an administrator",
        Role.MANAGER: "a manager",
        Role.MEMBER: "a member",
        Role.VIEWER: "a viewer",
    },
    "de": {
        Role.OWNER: "mit der Rolle Inhaber",
        Role.ADMIN: "mit der Rolle Administration",
        Role.MANAGER: "mit der Rolle Leitung",
        Role.MEMBER: "mit der Rolle Mitglied",
        Role.VIEWER: "mit der Rolle Betrachter",
    },
}

_CATALOG: Final = {
    "en": {
        "invitation": Words(
            "$inviter invites you to $organization",
            "$inviter has invited you to join $organization at $product as $role.",
            "Look at the invitation",
            "It is valid until $until, and for this e-mail address only. If you do not know who "
            "invites you, ignore this mail: nothing happens.",
        ),
        "reminder": Words(
            "Your invitation to $organization ends soon",
            "$inviter has invited you to join $organization at $product as $role, and you have "
            "not answered yet.",
            "Look at the invitation",
            "It ends on $until. If you do not want to join, ignore this mail: it is the last one.",
        ),
        "accepted": Words(
            "$invitee has joined $organization",
            "$invitee has accepted your invitation and is now in $organization at $product as "
            "$role.",
        ),
        "link": Words(
            "Your invitation link for $organization",
            "This link lets people with an e-mail address of $domains join $organization at "
            "$product as $role. It serves $uses times.",
            "The link to hand on",
            "It is valid until $until. Whoever has it can use it: give it only to those whom it "
            "is for.",
        ),
    },
    "de": {
        "invitation": Words(
            "$inviter lädt Sie zu $organization ein",
            "$inviter lädt Sie zu $organization bei $product ein, $role.",
            "Einladung ansehen",
            "Sie gilt bis zum $until und nur für diese E-Mail-Adresse. Falls Sie nicht wissen, "
            "wer Sie einlädt, beachten Sie diese Nachricht nicht: es geschieht nichts.",
        ),
        "reminder": Words(
            "Ihre Einladung zu $organization endet bald",
            "$inviter hat Sie zu $organization bei $product eingeladen, $role, und Sie haben noch "
            "nicht geantwortet.",
            "Einladung ansehen",
            "Sie endet am $until. Wenn Sie nicht beitreten möchten, beachten Sie diese Nachricht "
            "nicht: es ist die letzte.",
        ),
        "accepted": Words(
            "$invitee ist $organization beigetreten",
            "$invitee hat Ihre Einladung angenommen und gehört nun zu $organization bei $product, "
            "$role.",
        ),
        "link": Words(
            "Ihr Einladungslink für $organization",
            "Mit diesem Link treten Menschen mit einer E-Mail-Adresse von $domains $organization "
            "bei $product bei, $role. Er gilt $uses Mal.",
            "Der Link zum Weitergeben",
            "Er gilt bis zum $until. Wer ihn hat, kann ihn nutzen: geben Sie ihn nur denen, für "
            "die er ist.",
        ),
    },
}


def invitation_letter(
    invitation: Invitation, token: Token, sender: Sender, brand: Brand, *, reminds: bool
) -> Letter:
    """To who is invited, in the language they are invited in, else in the inviter's."""
    language = language_of((invitation.locale, sender.locale))
    inviter = _name(sender.person, language)
    words = _CATALOG[language]["reminder" if reminds else "invitation"].filled(
        inviter=inviter,
        **_about(sender, brand, invitation.role, invitation.expires_at, language),
    )
    quote = Quote(inviter, invitation.message) if invitation.message else None
    return _letter(language, words, quote, f"{brand.link}{PAGE}#{token.text}")


def link_letter(link: InvitationLink, token: Token, sender: Sender, brand: Brand) -> Letter:
    """To who made the link."""
    language = language_of((sender.locale,))
    words = _CATALOG[language]["link"].filled(
        domains=", ".join(link.domains),
        uses=str(link.max_uses),
        **_about(sender, brand, link.role, link.expires_at, language),
    )
    return _letter(language, words, None, f"{brand.link}{PAGE}#{token.text}")


def accepted_letter(invitation: Invitation, sender: Sender, brand: Brand) -> Letter:
    """To who invited them: by the address, as the inviter knows them by that."""
    language = language_of((sender.locale,))
    words = _CATALOG[language]["accepted"].filled(
        invitee=invitation.email,
        **_about(sender, brand, invitation.role, invitation.expires_at, language),
    )
    return _letter(language, words, None, None)


def branded(brand: Brand, sender: Sender) -> Brand:
    """The product's brand in the look of the organisation."""
    if sender.organization is None:
        return brand
    look = sender.organization.settings.branding
    return Brand(brand.product, brand.link, look.primary_color, look.support_email)


def _about(
    sender: Sender, brand: Brand, role: Role, until: datetime, language: str
) -> dict[str, str]:
    name = presentable(sender.organization.name) if sender.organization else ""
    return {
        "organization": name or _AN_ORGANIZATION[language],
        "product": brand.product,
        "role": _ROLES[language][role],
        "until": until.strftime(DATE[language]),
    }


def _name(person: Person | None, language: str) -> str:
    return greetable((person and person.name) or "") or SOMEBODY[language]


def _letter(language: str, words: Words, quote: Quote | None, url: str | None) -> Letter:
    return Letter(
        language=language,
        subject=words.subject,
        greeting=HELLO[language],
        paragraphs=(words.lead,),
        quote=quote,
        action=Action(words.action, url) if url else None,
        closing=words.closing,
    )
