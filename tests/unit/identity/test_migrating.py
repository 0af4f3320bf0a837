"""People of the older system come over; every refusal looks the same."""

import time

import pytest

from tenantry.errors import UnavailableError
from tenantry.identity.model import LegacyUser
from tenantry.identity.passwords import pretend, verified
from tenantry.identity.service import MigrationService
from tests.support.fakes.identity import FakeLegacyDirectory, InMemorySignUpRepository

ADA = LegacyUser(email="ada@legacy.example", name="Ada", locale="de")


@pytest.fixture(autouse=True)
def known(legacy: FakeLegacyDirectory) -> None:
    legacy.users[ADA.email] = ("old secret", ADA)


def test_the_old_password_brings_a_person_over(
    migration: MigrationService, kept: InMemorySignUpRepository
) -> None:
    user = migration.sign_in(" Ada@LEGACY.example", "old secret")

    assert user == ADA
    assert user.attributes == {
        "email": "ada@legacy.example",
        "email_verified": "true",
        "name": "Ada",
        "locale": "de",
    }
    assert set(kept.migrated) == {"ada@legacy.example"}


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("ada@legacy.example", "wrong"),
        ("bob@legacy.example", "old secret"),
        ("not an address", "old secret"),
        ("", ""),
        ("ada@\ud800", "old secret"),
    ],
)
def test_wrong_and_unknown_are_nobody(
    migration: MigrationService, kept: InMemorySignUpRepository, email: str, password: str
) -> None:
    assert migration.sign_in(email, password) is None
    assert kept.migrated == {}


def test_who_forgot_the_password_comes_over_by_address(
    migration: MigrationService, kept: InMemorySignUpRepository
) -> None:
    assert migration.recover("ada@legacy.example") == ADA
    assert migration.recover("bob@legacy.example") is None
    assert set(kept.migrated) == {"ada@legacy.example"}


def test_a_directory_that_does_not_answer_is_said_so(
    migration: MigrationService, legacy: FakeLegacyDirectory
) -> None:
    legacy.down = True

    with pytest.raises(UnavailableError):
        migration.sign_in("ada@legacy.example", "old secret")


@pytest.mark.parametrize("name", ["role", "org_id", "custom:role", "sub", "email_verified", "plan"])
def test_what_else_a_directory_says_of_a_person_is_not_taken(name: str) -> None:
    user = LegacyUser.model_validate({"email": "ada@legacy.example", name: "OWNER"})

    assert user.attributes == {"email": "ada@legacy.example", "email_verified": "true"}


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ({"name": ""}, {}),
        ({"name": None}, {}),
        ({"name": "x" * 121}, {}),
        ({"name": "Ada\tLovelace"}, {}),
        ({"name": 5}, {}),
        ({"name": " Ada "}, {"name": "Ada"}),
        ({"locale": ""}, {}),
        ({"locale": "C"}, {}),
        ({"locale": "C.UTF-8"}, {}),
        ({"locale": "english"}, {}),
        ({"locale": ["de"]}, {}),
        ({"locale": "de_DE.UTF-8"}, {"locale": "de-DE"}),
        ({"locale": "de_DE@euro"}, {"locale": "de-DE"}),
        ({"locale": "de.UTF-8"}, {"locale": "de"}),
        ({"locale": "zh_hans_cn.utf8"}, {"locale": "zh-Hans-CN"}),
    ],
)
def test_what_the_older_system_allowed_and_we_do_not_locks_nobody_out(
    told: dict[str, object], kept: dict[str, str]
) -> None:
    user = LegacyUser.model_validate({"email": "ada@legacy.example", **told})

    assert user.attributes == {"email": "ada@legacy.example", "email_verified": "true", **kept}


BCRYPT = "$2b$04$"


def test_bcrypt_and_argon2_hashes_are_verified() -> None:
    import argon2
    import bcrypt

    hashes = [
        bcrypt.hashpw(b"old secret", bcrypt.gensalt(4)).decode(),
        bcrypt.hashpw(b"old secret", bcrypt.gensalt(4)).decode().replace("$2b$", "$2y$"),
        argon2.PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash("old secret"),
    ]

    assert [verified("old secret", stored) for stored in hashes] == [True, True, True]
    assert [verified("wrong", stored) for stored in hashes] == [False, False, False]


def test_a_long_password_counts_as_far_as_bcrypt_ever_read_it() -> None:
    import bcrypt

    stored = bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode()

    assert verified("x" * 100, stored)


@pytest.mark.parametrize("stored", ["", "plain", "$1$abc", "$2b$04$short", "$argon2id$broken"])
def test_a_broken_hash_lets_nobody_in(stored: str) -> None:
    assert not verified("", stored)
    assert not verified("plain", stored)


@pytest.mark.parametrize("stored", ["$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA", "$2b$04$x"])
def test_a_password_that_is_no_text_is_wrong(stored: str) -> None:
    assert not verified("\ud800", stored)


def test_for_a_stranger_a_hash_is_computed_too() -> None:
    pretend("warm up")
    started = time.perf_counter()

    pretend("old secret")

    assert time.perf_counter() - started > 0.02


def test_a_hash_of_an_unknown_kind_takes_as_long_as_a_stranger() -> None:
    pretend("warm up")
    started = time.perf_counter()

    verified("old secret", "$1$abc")

    assert time.perf_counter() - started > 0.02
