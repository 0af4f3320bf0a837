"""Tokens: 256 random bits and where they belong; what is no token opens nothing."""

import hashlib

import pytest

from tenantry.invitations.model import Kind, Token, is_among, masked
from tests.support.naughty_strings import ALL


def test_a_token_is_read_back_as_it_was_written() -> None:
    token = Token.minted(Kind.MAIL, "t-1", "i-1")

    assert Token.read(token.text) == token
    assert Token.read(f" {token.text}\n") == token
    assert len(token.secret) == 32
    assert token.hash == hashlib.sha256(token.secret).hexdigest()


def test_no_two_are_alike_and_none_shows_itself() -> None:
    minted = [Token.minted(Kind.LINK, "t-1", "i-1") for _ in range(100)]

    assert len({token.secret for token in minted}) == 100
    for token in minted:
        secret = token.text.rpartition("~")[2]
        assert secret not in repr(token)
        assert secret not in f"{token}"


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1],
        lambda text: text + "A",
        lambda text: text.replace("m~", "x~", 1),
        lambda text: text.replace("~", "~~", 1),
        lambda text: text.replace("t-1", "t#1"),
        lambda text: text.replace("t-1", ""),
        lambda text: text.rpartition("~")[0],
        lambda _: "m~t-1~i-1~" + "=" * 43,
        lambda _: "m~t-1~i-1~" + "A" * 42 + "B",  # the last bits are no part of a byte
        lambda _: "A" * 10_000,
    ],
)
def test_what_is_nearly_a_token_is_none(change: object) -> None:
    text = Token.minted(Kind.MAIL, "t-1", "i-1").text

    assert Token.read(change(text)) is None  # type: ignore[operator]


def test_text_of_any_kind_is_no_token() -> None:
    assert {Token.read(text) for text in ALL} == {None}


def test_a_token_is_one_of_those_that_were_mailed_or_not() -> None:
    first, second, other = (Token.minted(Kind.MAIL, "t", "i").hash for _ in range(3))

    assert is_among(first, (first, second))
    assert is_among(second, (first, second))
    assert not is_among(other, (first, second))
    assert not is_among(other, ())


@pytest.mark.parametrize(
    ("email", "shown"),
    [
        ("bob@example.com", "b***@e***.com"),
        ("b@x.example.co.uk", "b***@x***.uk"),
        ("@", "***@***"),
    ],
)
def test_an_address_is_masked(email: str, shown: str) -> None:
    assert masked(email) == shown
