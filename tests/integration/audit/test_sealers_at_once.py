"""Sealers of the same days at the same time end in one chain (on the local cloud)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest

from tenantry.audit.dynamodb_seals import DynamoDBChains
from tenantry.audit.kms import KmsSealKeys, KmsSignatures
from tenantry.audit.s3_seals import S3SealStore
from tenantry.audit.sealing import SealTask
from tenantry.audit.seals import GENESIS
from tenantry.errors import UnavailableError
from tenantry.persistence.table import Table
from tenantry.runtime.signing import KmsSigner
from tests.integration.audit.sealers import resources
from tests.support.ministack import MiniStack
from tests.support.sealing import DAY, MORNING, SealedLog, envelope

DAYS = [DAY + timedelta(days=n) for n in range(4)]
SEALERS = 8


@pytest.fixture
def log(
    ministack: MiniStack, ministack_audit_table: Table, ministack_platform_table: Table
) -> SealedLog:
    made = resources(ministack.client)
    signing, kms = made["SEAL_SIGNING_KEY_ARN"], ministack.client("kms")
    log = SealedLog(
        table=ministack_audit_table,
        platform=ministack_platform_table,
        store=S3SealStore(ministack.client("s3"), made["SEALS_BUCKET"]),
        keys=KmsSealKeys(kms, ministack_audit_table, made["SEAL_WRAPPING_KEY_ARN"]),
        signer=_Both(kms, signing),
    )
    for number, day in enumerate(DAYS):
        log.at(MORNING + timedelta(days=number))
        events = range(number * 30 + 1, number * 30 + 31)
        log.record(*(envelope(n, MORNING + timedelta(days=number)) for n in events))
        assert day
    log.after(DAYS[-1])
    return log


class _Both(KmsSigner):
    """Signs, and checks signatures."""

    def __init__(self, kms: Any, key: str) -> None:
        super().__init__(kms, key)
        self._signatures = KmsSignatures(kms, [key])

    def is_valid(self, key_id: str, message: bytes, signature: str) -> bool:
        return self._signatures.is_valid(key_id, message, signature)


def sealed_at_once(log: SealedLog, day: date) -> int:
    """How many seals the sealers say that they made."""
    service = log.sealing(most_entries=20)

    def seal(_sealer: int) -> int:
        for _ in range(10):  # as the queue brings a task again
            try:
                return service.seal(SealTask(tenant_id="t-1", day=day)).seals
            except UnavailableError:
                continue
        raise AssertionError("a sealer never came through")

    with ThreadPoolExecutor(SEALERS) as pool:
        return sum(pool.map(seal, range(SEALERS)))


def test_sealers_at_once_make_one_chain(log: SealedLog) -> None:
    made = sealed_at_once(log, DAYS[-1])

    chains = DynamoDBChains(log.table)
    said = [each.statement for each in chains.records("t-1", DAYS[0], 0, DAYS[-1], 100)]
    assert made == len(said) == 2 * len(DAYS)
    heads = [GENESIS, *(each.head for each in said)]
    assert [each.previous for each in said] == heads[:-1]
    assert [each.sequence for each in said] == list(range(1, len(said) + 1))
    position = chains.position("t-1")
    assert (position.sequence, position.head, position.through) == (
        len(said),
        heads[-1],
        DAYS[-1],
    )
    assert log.store.places("t-1", DAYS[0], DAYS[-1]) == sorted(
        each.place for each in chains.records("t-1", DAYS[0], 0, DAYS[-1], 100)
    )
    verified = log.verify(DAYS)
    assert (verified.findings, verified.entries) == ((), 30 * len(DAYS))


def test_were_the_position_not_asked_for_sealers_would_count_days_twice(
    log: SealedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: without the condition each sealer believes that every seal is its own."""

    def unconditionally(self: DynamoDBChains, before: Any, after: Any, record: Any) -> bool:
        self._table.put(
            {
                "PK": "ORG#t-1#SEALS",
                "SK": "POSITION",
                "entity_version": before.version + 1,
                **after.model_dump(mode="json", exclude={"version"}),
            }
        )
        return True

    monkeypatch.setattr(DynamoDBChains, "commit", unconditionally)

    assert sealed_at_once(log, DAYS[-1]) > 2 * len(DAYS)
