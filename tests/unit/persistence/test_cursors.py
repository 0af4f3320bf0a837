"""A cursor is what `encode` made, or it is refused."""

import base64
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tenantry.errors import InvalidInputError
from tenantry.persistence.cursors import decode, encode, page_size

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200)


@given(TEXT, TEXT)
def test_a_position_comes_back_as_it_went(first: str, second: str) -> None:
    assert decode(encode({"at": first, "id": second}), "at", "id") == {"at": first, "id": second}


@given(st.one_of(st.text(), st.from_regex(r"[A-Za-z0-9_\-=+/]{0,80}", fullmatch=True)))
@example("")
@example("é")
@example("====")
@example("[" * 1000)
@example(base64.urlsafe_b64encode(b"[" * 700).decode())
def test_anything_else_is_refused_in_words(cursor: str) -> None:
    try:
        position = decode(cursor, "at")
    except InvalidInputError:
        return
    assert encode(position) == cursor


@pytest.mark.parametrize(
    "made_up",
    [
        {"at": 1},
        {"at": None},
        {"at": ["a"]},
        {"at": "a", "PK": "ORG#other"},
        {},
        ["at"],
        "at",
        None,
        {"at": "x" * 8000},
    ],
)
def test_other_positions_are_refused(made_up: Any) -> None:
    with pytest.raises(InvalidInputError):
        decode(encode(made_up), "at")


@pytest.mark.parametrize(
    "spelling",
    [
        '{"at":"\\ud800"}',
        '{"at": "a"}',
        '{"at":"a","at":"a"}',
        '{"at":"\\u0061"}',
        ' {"at":"a"}',
        '{"at":"a"}\n',
    ],
)
def test_one_position_has_one_spelling(spelling: str) -> None:
    assert set(json.loads(spelling)) == {"at"}
    cursor = base64.urlsafe_b64encode(spelling.encode()).decode().rstrip("=")
    with pytest.raises(InvalidInputError):
        decode(cursor, "at")
    with pytest.raises(InvalidInputError):
        decode(encode({"at": "a"}) + "=", "at")


def test_a_long_name_in_any_script_fits_into_a_cursor() -> None:
    position = {"GSI1PK": "ORG#" + "𓀀" * 250, "GSI1SK": "𓀀" * 250, "PK": "a", "SK": "𓀀" * 250}
    assert decode(encode(position), *position) == position


@pytest.mark.parametrize(("asked", "size"), [(None, 25), (1, 1), (100, 100)])
def test_a_page_has_a_size(asked: int | None, size: int) -> None:
    assert page_size(asked) == size


@pytest.mark.parametrize("asked", [0, -1, 101, 10**9])
def test_a_page_is_neither_empty_nor_endless(asked: int) -> None:
    with pytest.raises(InvalidInputError) as refused:
        page_size(asked)
    assert refused.value.faults[0]["field"] == "first"
