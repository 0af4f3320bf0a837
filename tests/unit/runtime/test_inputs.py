"""Input is parsed whole, and text comes back as it went, in NFC, or is refused (row 24)."""

import json
import unicodedata
from enum import StrEnum
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from tenantry.errors import InvalidInputError
from tenantry.persistence.items import from_wire, to_wire
from tenantry.runtime.inputs import Input, Line, Text, parse
from tests.support.naughty_strings import BLANK, MULTILINE, PLAIN, REFUSED, REORDERING


class Colour(StrEnum):
    RED = "RED"


class Form(Input):
    line: Line = "default"
    text: Text = ""
    number: int = 1
    colour: Annotated[Colour, Field(strict=False)] = Colour.RED


def _nfc(value: str) -> str:
    return unicodedata.normalize("NFC", value).strip()


def _refusal(**values: Any) -> InvalidInputError:
    with pytest.raises(InvalidInputError) as refused:
        parse(Form, values)
    return refused.value


def test_the_list_is_long_enough() -> None:
    assert len({*PLAIN, *MULTILINE, *REORDERING, *REFUSED, *BLANK}) >= 150


@pytest.mark.parametrize("value", PLAIN, ids=ascii)
def test_any_text_comes_back_exactly_in_both_kinds_of_field(value: str) -> None:
    form = parse(Form, {"line": value, "text": value})
    assert form.line == form.text == _nfc(value)
    stored = from_wire(json.loads(json.dumps(to_wire({"line": form.line}))))
    assert parse(Form, stored).line == form.line


@pytest.mark.parametrize("value", MULTILINE, ids=ascii)
def test_lines_belong_into_a_text_only(value: str) -> None:
    assert parse(Form, {"text": value}).text == _nfc(value)
    assert _refusal(line=value).faults == ({"field": "line", "message": "must be a single line"},)


@pytest.mark.parametrize("value", REORDERING, ids=ascii)
def test_a_line_reads_as_it_is_written(value: str) -> None:
    assert parse(Form, {"text": value}).text == value
    (fault,) = _refusal(line=value).faults
    assert "changes the direction" in fault["message"]


@pytest.mark.parametrize("value", REFUSED, ids=ascii)
@pytest.mark.parametrize("field", ["line", "text"])
def test_what_is_no_text_is_refused_in_words(field: str, value: str) -> None:
    refused = _refusal(**{field: value})
    assert [fault["field"] for fault in refused.faults] == [field]
    said = json.dumps(refused.details) + str(refused)
    assert ascii(value)[1:-1] not in ascii(said)


@pytest.mark.parametrize("value", BLANK, ids=ascii)
def test_a_line_that_nobody_could_see_is_blank(value: str) -> None:
    assert _refusal(line=value).faults == ({"field": "line", "message": "must not be blank"},)


@given(st.text(max_size=130))
def test_whatever_is_sent_is_text_or_a_refusal(value: str) -> None:
    for field, longest in (("line", 120), ("text", 2000)):
        try:
            form = parse(Form, {field: value})
        except InvalidInputError:
            continue
        kept: str = getattr(form, field)
        assert kept == _nfc(value)
        assert len(value) <= longest
        kept.encode()
        assert parse(Form, {field: kept}) == form


def test_every_fault_is_listed_at_once_and_none_repeats_a_value() -> None:
    refused = _refusal(
        line="x" * 121, text=5, number="secret-1", colour="secret-2", more="secret-3"
    )
    assert {fault["field"] for fault in refused.faults} == {
        "line",
        "text",
        "number",
        "colour",
        "more",
    }
    assert "secret" not in json.dumps(refused.details) + str(refused)
    assert refused.details == {"faults": list(refused.faults)}


@pytest.mark.parametrize("value", ["1", 1.0, True, None, [1], {"a": 1}])
def test_nothing_is_coerced(value: Any) -> None:
    assert [fault["field"] for fault in _refusal(number=value).faults] == ["number"]


def test_a_field_that_nobody_asked_for_is_named_in_short() -> None:
    (fault,) = _refusal(**{"x" * 5000: 1}).faults
    assert fault["field"] == "x" * 100


def test_no_input_is_the_empty_one() -> None:
    assert parse(Form, None) == Form()


def test_without_nfc_two_spellings_of_a_name_would_be_two_names() -> None:
    """The twin: what the normalisation is for."""
    spellings = ["e\u0301", "\u00e9"]
    assert len(set(spellings)) == 2
    assert len({parse(Form, {"line": each}).line for each in spellings}) == 1
