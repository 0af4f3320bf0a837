"""E-mail addresses checked by their syntax; a mail with a code proves that they work."""

from email_validator import EmailNotValidError, validate_email

from tenantry.errors import InvalidInputError
from tenantry.identity.model import normalized_email


def checked_address(value: str) -> str:
    """A normalised address; InvalidInputError when it is none that mail can be sent to."""
    try:
        found = validate_email(value, check_deliverability=False, allow_smtputf8=False)
        return normalized_email(f"{found.local_part}@{found.ascii_domain}")
    except (EmailNotValidError, ValueError) as error:
        fault = "is not a valid e-mail address"
        raise InvalidInputError([{"field": "email", "message": fault}]) from error
