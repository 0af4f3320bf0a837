"""Input at the door: parsed whole, every fault listed, text taken as it is or refused."""

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError

from tenantry.errors import Fault, InvalidInputError

_LONGEST_FIELD = 100


class Input(BaseModel):
    """Base of every input: unknown keys are refused, nothing is coerced.

    Enums come as strings: declare them `Annotated[Kind, Field(strict=False)]`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, str_max_length=10_000)


def parse[T: BaseModel](model: type[T], values: Mapping[str, Any] | None) -> T:
    """`values` as `model`; InvalidInputError with all their faults, none repeating a value."""
    try:
        return model.model_validate(dict(values or {}))
    except ValidationError as error:
        raise InvalidInputError(faults(error)) from error


def fingerprint(given: Input, *left_out: str) -> str:
    """The same for the same content, whatever the idempotency key and the fields `left_out`."""
    excluded = {"client_mutation_id", *left_out}
    content = given.model_dump(mode="json", exclude=excluded, exclude_none=True)
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def faults(error: ValidationError) -> list[Fault]:
    """Every fault of a failed validation, without the values that caused them."""
    return [
        Fault(
            field=".".join(str(at) for at in fault["loc"])[:_LONGEST_FIELD] or "input",
            message=fault["msg"].removeprefix("Value error, "),
        )
        for fault in error.errors(include_url=False, include_input=False, include_context=False)
    ]


def clean_text(value: str) -> str:
    """`value` in NFC without surrounding blanks; ValueError for what is not text for people."""
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError("holds a character that is not valid Unicode") from error
    for character in value:
        if unicodedata.category(character) == "Cc" and character not in "\n\t":
            raise ValueError("holds a control character")
        if _is_noncharacter(ord(character)):
            raise ValueError("holds a character that is not valid Unicode")
    return unicodedata.normalize("NFC", value).strip()


def clean_line(value: str) -> str:
    """`clean_text` of one line, which also bars the marks that reorder what people read."""
    text = clean_text(value)
    if any(c in text for c in "\n\t\u2028\u2029"):
        raise ValueError("must be a single line")
    if any("\u202a" <= c <= "\u202e" or "\u2066" <= c <= "\u2069" for c in text):
        raise ValueError("holds a character that changes the direction of text")
    return text


def _is_noncharacter(code: int) -> bool:
    """Code points that Unicode keeps for no text at all, and queues and XML refuse."""
    last_two_of_a_plane, arabic_block = 0xFFFE, range(0xFDD0, 0xFDF0)
    return code & last_two_of_a_plane == last_two_of_a_plane or code in arabic_block


def _not_blank(value: str) -> str:
    if not any(unicodedata.category(c)[0] in "LNPS" and c not in _UNSEEN for c in value):
        raise ValueError("must not be blank")
    return value


_UNSEEN = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters and symbols that show nothing: fillers of Hangul, the empty Braille pattern."""

Line = Annotated[
    str, StringConstraints(max_length=120), AfterValidator(clean_line), AfterValidator(_not_blank)
]
"""One line for people, such as a name: 1 to 120 characters."""

Text = Annotated[str, StringConstraints(max_length=2000), AfterValidator(clean_text)]
"""Text for people, such as a description: up to 2,000 characters, lines allowed."""

IdempotencyKey = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,128}$")]
"""A key of the client's own, by which a command that comes again is known."""
