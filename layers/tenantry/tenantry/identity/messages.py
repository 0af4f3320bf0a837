"""The mails of the user pool: words by language and occasion, put into one plain layout.

Cognito sends one body, HTML, with a sign-up's code put in place of `codeParameter`; a template of
ours is little more than that. What a person wrote is escaped, and their braces too, so that
nobody's name brings in a code. A name that could be an advertisement is left out: anybody can sign
up with another's address, and what they call themselves would be our mail to a stranger.
"""

from dataclasses import dataclass
from html import escape
from string import Template
from typing import Final

from tenantry.mail.text import greetable, language_of, one_line

_OCCASIONS: Final = {
    "CustomMessage_SignUp": "confirm",
    "CustomMessage_ResendCode": "confirm",
    "CustomMessage_ForgotPassword": "recover",
    "CustomMessage_UpdateUserAttribute": "verify",
    "CustomMessage_VerifyUserAttribute": "verify",
    "CustomMessage_AdminCreateUser": "welcome",
    "CustomMessage_Authentication": "sign-in",
}
_CODES_OF: Final = "welcome"


@dataclass(frozen=True)
class _Words:
    """One occasion in one language; `$product` stands for the product's name."""

    subject: str
    lead: str
    code: str
    closing: str


_HELLO: Final = {"en": ("Hello $name,", "Hello,"), "de": ("Hallo $name,", "Hallo,")}
_USER_NAME: Final = {"en": "Your user name", "de": "Ihr Benutzername"}

_CATALOG: Final = {
    "en": {
        "confirm": _Words(
            "Your code for $product",
            "welcome to $product. Confirm your e-mail address with this code:",
            "Your code",
            "If you did not sign up, ignore this mail: without the code nothing happens.",
        ),
        "recover": _Words(
            "Reset your password for $product",
            "you asked for a new password for $product. Set it with this code:",
            "Your code",
            "If that was not you, ignore this mail: your password stays as it is.",
        ),
        "verify": _Words(
            "Confirm your e-mail address for $product",
            "confirm this e-mail address for your account at $product with this code:",
            "Your code",
            "If that was not you, change your password.",
        ),
        "welcome": _Words(
            "Your account at $product",
            "an account at $product has been made for you. Sign in with this password and "
            "choose one of your own:",
            "Your first password",
            "The password is valid for a few days.",
        ),
        "sign-in": _Words(
            "Your sign-in code for $product",
            "sign in to $product with this code:",
            "Your code",
            "If that was not you, change your password.",
        ),
    },
    "de": {
        "confirm": _Words(
            "Ihr Code für $product",
            "willkommen bei $product. Bestätigen Sie Ihre E-Mail-Adresse mit diesem Code:",
            "Ihr Code",
            "Falls Sie sich nicht angemeldet haben, beachten Sie diese Nachricht nicht: ohne den "
            "Code geschieht nichts.",
        ),
        "recover": _Words(
            "Neues Passwort für $product",
            "Sie möchten ein neues Passwort für $product. Setzen Sie es mit diesem Code:",
            "Ihr Code",
            "Falls Sie das nicht waren, beachten Sie diese Nachricht nicht: Ihr Passwort bleibt, "
            "wie es ist.",
        ),
        "verify": _Words(
            "Bestätigen Sie Ihre E-Mail-Adresse für $product",
            "bestätigen Sie diese E-Mail-Adresse für Ihr Konto bei $product mit diesem Code:",
            "Ihr Code",
            "Falls Sie das nicht waren, ändern Sie Ihr Passwort.",
        ),
        "welcome": _Words(
            "Ihr Konto bei $product",
            "für Sie wurde ein Konto bei $product angelegt. Melden Sie sich mit diesem Passwort "
            "an und wählen Sie ein eigenes:",
            "Ihr erstes Passwort",
            "Das Passwort gilt einige Tage.",
        ),
        "sign-in": _Words(
            "Ihr Anmeldecode für $product",
            "melden Sie sich bei $product mit diesem Code an:",
            "Ihr Code",
            "Falls Sie das nicht waren, ändern Sie Ihr Passwort.",
        ),
    },
}
LANGUAGES: Final = tuple(_CATALOG)

_LAYOUT: Final = Template(
    '<!doctype html><html lang="$language"><head><meta charset="utf-8"><title>$subject</title>'
    '</head><body style="margin:0;background:#f4f5f7;color:#1c2430;'
    'font:16px/1.5 system-ui,-apple-system,Segoe UI,Helvetica,Arial,sans-serif">'
    '<div style="max-width:32em;margin:0 auto;padding:2em 1.25em">'
    '<p style="margin:0 0 1.5em;font-weight:700;font-size:1.25em">$product</p>'
    '<div style="background:#ffffff;border-radius:8px;padding:1.5em">'
    "<p>$hello</p><p>$lead</p>$user_name"
    '<p style="margin:1.5em 0 .25em;color:#5b6675;font-size:.875em">$label</p>'
    '<p style="margin:0 0 1.5em;font-weight:700;font-size:1.75em;letter-spacing:.1em">$code</p>'
    '<p style="color:#5b6675;font-size:.875em">$closing</p></div>'
    '<p style="color:#5b6675;font-size:.875em"><a href="$link" style="color:#5b6675">$link</a></p>'
    "</div></body></html>"
)


@dataclass(frozen=True)
class Branding:
    """Who sends: the product's name and where it lives."""

    product: str
    link: str


@dataclass(frozen=True)
class Mail:
    subject: str
    html: str


def mail(
    occasion: str,
    branding: Branding,
    *,
    locales: tuple[str | None, ...],
    name: str | None,
    code: str,
    user_name: str | None = None,
) -> Mail | None:
    """The mail of a trigger source in the first known language of `locales`; None for others.

    `code` and `user_name` are Cognito's placeholders, which it replaces; an invitation without the
    latter would be refused.
    """
    kind = _OCCASIONS.get(occasion)
    if kind is None:
        return None
    language = language_of(locales, _CATALOG)
    words = _CATALOG[language][kind]
    with_name, without = _HELLO[language]
    safe_name = _safe(greetable(name or ""))
    product = _safe(branding.product)
    shown = ""
    if kind == _CODES_OF and user_name:
        shown = f"<p>{_USER_NAME[language]}: <strong>{escape(user_name)}</strong></p>"
    subject = one_line(Template(words.subject).substitute(product=branding.product))
    html = _LAYOUT.substitute(
        language=language,
        subject=_safe(subject),
        product=product,
        hello=Template(with_name).substitute(name=safe_name) if safe_name else without,
        lead=Template(words.lead).substitute(product=product),
        user_name=shown,
        label=words.code,
        code=escape(code),
        closing=words.closing,
        link=_safe(branding.link),
    )
    return Mail(subject, html)


def _safe(text: str) -> str:
    """`text` as HTML that holds neither markup nor a placeholder of Cognito's."""
    return escape(text).replace("{", "&#123;").replace("}", "&#125;")
