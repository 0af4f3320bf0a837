"""Stores of seals, keys and signatures: the fakes and the adapters answer alike."""

import base64
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import boto3
import pytest

from tenantry.audit.dynamodb_seals import (
    DynamoDBChains,
    DynamoDBRounds,
    DynamoDBSealedOrganizations,
)
from tenantry.audit.kms import KmsSealKeys, KmsSignatures
from tenantry.audit.retiring import DynamoDBSealKeyRetirement
from tenantry.audit.s3_seals import S3SealStore
from tenantry.audit.seal_repository import (
    SealedOrganizations,
    SealKeys,
    SealStore,
    Signatures,
    Signer,
)
from tenantry.audit.sealing import Rounds
from tenantry.audit.seals import GENESIS, Seal, Statement
from tenantry.bootstrap import CONFIG
from tenantry.errors import CorruptDataError, ShreddedError
from tenantry.persistence.table import Table
from tenantry.runtime.signing import KmsSigner
from tests.integration.audit.sealers import resources
from tests.support.clock import FakeClock
from tests.support.fakes.seals import (
    InMemoryOrganizations,
    InMemoryRounds,
    InMemorySealStore,
    LocalSealKeys,
    LocalSigner,
)
from tests.support.sealing import MORNING, SealedLog, envelope

DAY = date(2026, 3, 2)


@dataclass(frozen=True)
class Adapters:
    store: SealStore
    keys: SealKeys
    signer: Signer
    signatures: Signatures
    organizations: SealedOrganizations
    rounds: Rounds


@pytest.fixture(params=["in-memory", "aws"])
def adapters(request: pytest.FixtureRequest) -> Adapters:
    if request.param == "in-memory":
        signer = LocalSigner()
        return Adapters(
            InMemorySealStore(),
            LocalSealKeys(),
            signer,
            signer,
            InMemoryOrganizations(),
            InMemoryRounds(),
        )
    table: Table = request.getfixturevalue("audit_table")

    def client(service: str) -> Any:
        return boto3.client(service, config=CONFIG)  # type: ignore[call-overload]

    made = resources(client)
    signing = made["SEAL_SIGNING_KEY_ARN"]
    return Adapters(
        S3SealStore(client("s3"), made["SEALS_BUCKET"]),
        KmsSealKeys(client("kms"), table, made["SEAL_WRAPPING_KEY_ARN"]),
        KmsSigner(client("kms"), signing),
        KmsSignatures(client("kms"), [signing]),
        DynamoDBSealedOrganizations(table),
        DynamoDBRounds(table),
    )


def seal(tenant_id: str = "t-1", day: date = DAY, head: str = "ab" * 32) -> Seal:
    statement = Statement(
        tenant_id=tenant_id,
        sequence=1,
        day=day,
        part=1,
        is_last=True,
        entries=1,
        previous=GENESIS,
        head=head,
        content="cd" * 32,
        key_id="key",
        sealed_at=datetime(2026, 3, 3, 2, 30, tzinfo=UTC),
    )
    return Seal(statement=statement, signature="c2lnbmVk", entries="c2VhbGVk")


def test_a_seal_is_kept_once_and_the_first_one_stands(adapters: Adapters) -> None:
    first, second = seal(), seal().model_copy(update={"signature": "b3RoZXI="})

    assert adapters.store.put(first) == first
    assert adapters.store.put(second) == first
    assert adapters.store.get("t-1", first.place) == first


def test_a_pointer_out_of_the_organisations_log_is_passed_over(audit_table: Table) -> None:
    """Whoever could write one would otherwise have another's entry sealed, or read."""
    log = SealedLog(table=audit_table, clock=FakeClock(MORNING + timedelta(days=1)))
    log.record(envelope(1), envelope(2, tenant_id="t-2"))
    (late,), (other,) = (
        audit_table.query(f"ORG#{tenant}#LATE#2026-03-03", limit=9).items
        for tenant in ("t-1", "t-2")
    )
    chains, day = DynamoDBChains(audit_table), DAY + timedelta(days=1)
    found = chains.entries("t-1", day, None, 9)
    assert [entry["event_id"] for entry in found] == ["e-00001"]

    audit_table.put({**other, "PK": late["PK"]})
    audit_table.put({"PK": late["PK"], "SK": "x"})

    assert chains.entries("t-1", day, None, 9) == found


def test_what_is_not_there_is_none(adapters: Adapters) -> None:
    assert adapters.store.get("t-1", seal().place) is None


def test_the_seals_of_another_organisation_are_out_of_reach(adapters: Adapters) -> None:
    adapters.store.put(seal("t-2"))

    with pytest.raises(CorruptDataError):
        adapters.store.get("t-1", seal("t-2").place)
    assert adapters.store.places("t-1", DAY, DAY) == []


def test_the_places_of_days_are_listed_in_order(adapters: Adapters) -> None:
    days = [date(2026, 3, number) for number in (1, 2, 3, 4)]
    for day in (days[2], days[0], days[3], days[1]):
        adapters.store.put(seal(day=day))

    assert adapters.store.places("t-1", days[1], days[2]) == [
        seal(day=days[1]).place,
        seal(day=days[2]).place,
    ]


def test_what_was_encrypted_is_decrypted_for_its_tenant_and_place_alone(
    adapters: Adapters,
) -> None:
    keys = adapters.keys
    sealed = keys.encrypt("t-1", b"plain", b"here")
    keys.encrypt("t-2", b"plain", b"here")

    assert b"plain" not in sealed
    assert keys.decrypt("t-1", sealed, b"here") == b"plain"
    harmed = bytes([*sealed[:-1], sealed[-1] ^ 1])
    for tenant, body, bound in (
        ("t-2", sealed, b"here"),
        ("t-1", sealed, b"there"),
        ("t-1", harmed, b"here"),
        ("t-1", b"", b"here"),
    ):
        with pytest.raises(CorruptDataError):
            keys.decrypt(tenant, body, bound)


def test_seals_without_a_key_are_corrupt(adapters: Adapters) -> None:
    with pytest.raises(CorruptDataError):
        adapters.keys.decrypt("t-1", b"sealed", b"here")


def test_a_destroyed_key_opens_and_seals_nothing(adapters: Adapters) -> None:
    sealed = adapters.keys.encrypt("t-1", b"plain", b"here")
    adapters.keys.destroy("t-1")

    with pytest.raises(ShreddedError):
        adapters.keys.decrypt("t-1", sealed, b"here")
    with pytest.raises(ShreddedError):
        adapters.keys.encrypt("t-1", b"plain", b"here")


def test_a_key_is_of_use_until_its_date_and_none_is_made_after_it(audit_table: Table) -> None:
    def client(service: str) -> Any:
        return boto3.client(service, config=CONFIG)  # type: ignore[call-overload]

    wrapping = resources(client)["SEAL_WRAPPING_KEY_ARN"]
    clock = FakeClock()
    keys = KmsSealKeys(client("kms"), audit_table, wrapping, clock)
    sealed = keys.encrypt("t-1", b"plain", b"here")
    retirement = DynamoDBSealKeyRetirement(audit_table)
    at = clock() + timedelta(days=30)

    assert retirement.retire("t-1", at) == at
    assert retirement.retire("t-1", at + timedelta(days=9)) == at  # the first one stands
    assert keys.decrypt("t-1", sealed, b"here") == b"plain"
    assert keys.encrypt("t-1", b"late", b"here")
    clock.advance(timedelta(days=30))
    for _ in range(2):
        with pytest.raises(ShreddedError):
            keys.decrypt("t-1", sealed, b"here")
        with pytest.raises(ShreddedError):
            keys.encrypt("t-1", b"plain", b"here")
        audit_table.delete({"PK": "ORG#t-1#SEALS", "SK": "DATA_KEY"})  # as its time to live does


def test_where_there_is_no_key_none_is_ever_made(audit_table: Table) -> None:
    def client(service: str) -> Any:
        return boto3.client(service, config=CONFIG)  # type: ignore[call-overload]

    keys = KmsSealKeys(client("kms"), audit_table, resources(client)["SEAL_WRAPPING_KEY_ARN"])

    assert DynamoDBSealKeyRetirement(audit_table).retire("t-1", datetime.now(UTC)) is None
    with pytest.raises(ShreddedError):
        keys.encrypt("t-1", b"plain", b"here")


def test_a_signature_is_valid_for_its_message_and_key_alone(adapters: Adapters) -> None:
    key_id = adapters.signer.key_id
    signature = adapters.signer.sign(b"said")
    stranger = LocalSigner(key_id).sign(b"said")
    harmed = base64.b64encode(base64.b64decode(signature)[:-1] + b"x").decode()

    valid = adapters.signatures.is_valid
    assert valid(key_id, b"said", signature)
    assert not valid(key_id, b"sais", signature)
    assert not valid("another", b"said", signature)
    for other in (stranger, harmed, "", "x", signature + "\n", signature[:-4]):
        assert not valid(key_id, b"said", other), other


def test_organisations_are_told_page_by_page(adapters: Adapters) -> None:
    names = sorted(f"t-{number}" for number in range(40))
    for name in (*names, *names):
        adapters.organizations.add(name, DAY)
    adapters.organizations.add("t-1", date(2026, 5, 1))

    found: list[str] = []
    after: str | None = None
    while True:
        page, after = adapters.organizations.page(after, 7)
        found += page
        assert len(page) <= 7
        if after is None:
            break

    assert sorted(found) == names
    assert adapters.organizations.since("t-1") == DAY
    assert adapters.organizations.since("nobody") is None


def test_a_round_goes_on_where_it_was(adapters: Adapters) -> None:
    rounds = adapters.rounds
    assert rounds.read() == (None, None, False)

    rounds.save(DAY, "7#t-1")
    assert rounds.read() == (DAY, "7#t-1", False)
    rounds.save(DAY, None)
    assert rounds.read() == (DAY, None, True)


WRITTEN = seal().written


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        WRITTEN[:-1],
        WRITTEN + b"\n",
        WRITTEN.replace(b"T02:30", b" 02:30"),
        WRITTEN.replace(b'":', b'": ', 1),
        WRITTEN.replace(b'"part":1', b'"part":1.0'),
        WRITTEN.replace(b'"part":1', b'"part":"1"'),
    ],
)
def test_a_seal_is_read_in_the_form_it_was_written_in_or_not_at_all(body: bytes) -> None:
    assert Seal.read(WRITTEN) == seal()
    with pytest.raises(CorruptDataError):
        Seal.read(body)
