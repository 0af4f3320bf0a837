"""Input at the door: parsed whole, every fault listed, text taken as it is or refused."""

import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, ValidationError

from tenantry.errors import Fault, InvalidInputError


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


def faults(error: ValidationError) -> list[Fault]:
    """Every fault of a failed validation, without the values that caused them."""
    return [
        Fault(
            field=".".join(str(at) for at in fault["loc"]) or "input",
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
    text = unicodedata.normalize("NFC", value).strip()
    for character in text:
        category = unicodedata.category(character)
        if category in ("Cc", "Cs") and character not in "\n\t":
            raise ValueError("holds a control character")
    return text


def clean_line(value: str) -> str:
    """`clean_text` of one line, which also bars the marks that reorder what people read."""
    text = clean_text(value)
    if any(c in text for c in "\n\t\u2028\u2029"):
        raise ValueError("must be a single line")
    if any("\u202a" <= c <= "\u202e" or "\u2066" <= c <= "\u2069" for c in text):
        raise ValueError("holds a character that changes the direction of text")
    return text


def _not_blank(value: str) -> str:
    if not value:
        raise ValueError("must not be blank")
    return value


Line = Annotated[
    str, StringConstraints(max_length=120), AfterValidator(clean_line), AfterValidator(_not_blank)
]
"""One line for people, such as a name: 1 to 120 characters."""

Text = Annotated[str, StringConstraints(max_length=2000), AfterValidator(clean_text)]
"""Text for people, such as a description: up to 2,000 characters, lines allowed."""
