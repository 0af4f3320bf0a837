"""`ops.verify_audit` on a copy of the bucket: with the public keys alone, by the ids seals name."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ops.verify_audit import Log, main
from tenantry.audit.seals import Seal
from tests.support.fakes.seals import LocalSigner
from tests.support.sealing import DAY, MORNING, SealedLog, envelope
from tests.unit.audit.test_verification import resealed

OLD, NEW = (LocalSigner(f"arn:aws:kms:eu-central-1:000000000000:key/{n}") for n in ("old", "new"))


@pytest.fixture
def log() -> SealedLog:
    return SealedLog(signer=OLD)


@pytest.fixture
def copy(log: SealedLog, tmp_path: Path) -> Path:
    """Two days, sealed by one key and then by another."""
    for number, signer in enumerate((OLD, NEW)):
        day = DAY.replace(day=DAY.day + number)
        log.at(MORNING.replace(day=day.day))
        log.record(envelope(number + 1, MORNING.replace(day=day.day)))
        log.seal(day, signer=signer, signatures=signer)
    for place, body in log.store.bodies.items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_bytes(body)
    return tmp_path


def pem(folder: Path, signer: LocalSigner) -> str:
    path = folder / f"{signer.key_id.rpartition('/')[2]}.pem"
    public = signer.private.public_key()
    path.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return str(path)


def checked(copy: Path, *keys: str) -> int:
    given = [part for key in keys for part in ("--public-key", key)]
    return main([str(copy), *given, "--outputs", str(copy / "none.json")])


def test_seals_of_a_key_and_of_the_next_are_proven_with_both(copy: Path) -> None:
    old, new = pem(copy, OLD), pem(copy, NEW)

    assert checked(copy, f"{OLD.key_id}={old}", f"{NEW.key_id}={new}") == 0


def test_without_the_earlier_key_its_seals_are_not_proven(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = pem(copy, NEW)

    for key in (new, f"{NEW.key_id}={new}"):
        assert checked(copy, key) == 1
        assert "not signed by the platform" in capsys.readouterr().out


def test_keys_are_known_by_their_ids(copy: Path) -> None:
    old, new = pem(copy, OLD), pem(copy, NEW)

    assert checked(copy, f"{OLD.key_id}={new}", f"{NEW.key_id}={old}") == 1


def test_several_keys_are_named(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = pem(copy, OLD), pem(copy, NEW)

    assert checked(copy, old, new) == 1
    assert "name each by its ARN" in capsys.readouterr().out
    assert checked(copy, f"{OLD.key_id}={old}", f"{OLD.key_id}={new}") == 1


def test_opened_offline_an_entry_that_names_another_place_is_a_fault(
    log: SealedLog, copy: Path
) -> None:
    assert copy
    resealed(log, lambda sealed: [{**sealed[0], "PK": "ORG#t-2#AUDIT#2026-03"}], OLD)
    place = min(log.store.bodies)

    faults = list(Log(log.table, log.keys).faults(Seal.read(log.store.bodies[place])))

    assert faults == ["it holds entries that name no place in the organisation's log"]
