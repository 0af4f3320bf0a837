"""The audit as people and operators prove it, on sealed data of the deployed product."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from localcloud.demo.sealing import Log, verified
from localcloud.demo.stage import Stage, on
from localcloud.demo.story import Story
from localcloud.deployed import deployed_cloud
from tests.e2e.commands import run, run_in_vain
from tests.e2e.conftest import People, Person

RENAME = """mutation($input: UpdateOrganizationInput!) {
  updateOrganization(input: $input) { version }
}"""


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A local cloud of its own, as `make demo` has one."""
    with deployed_cloud() as running:
        yield on(*running)


@pytest.fixture(scope="module")
def product(stage: Stage) -> Any:
    return stage[0]


@pytest.fixture(scope="module")
def aws(stage: Stage) -> Callable[[str], Any]:
    return stage[1]


@pytest.fixture(scope="module")
def people(product: Any, aws: Callable[[str], Any]) -> People:
    return People(product, aws)


@pytest.fixture(scope="module")
def log(product: Any, aws: Callable[[str], Any]) -> Log:
    return Log(aws, product.outputs)


@pytest.fixture(scope="module")
def sealed(people: People, log: Log) -> tuple[Person, date]:
    """Somebody whose organisation was sealed, and the day of it."""
    owner = people.owner()
    for version in (1, 2):
        given = {"name": f"Renamed {version}", "expectedVersion": version}
        people.product.graphql(RENAME, owner.tokens, input=given)
    day = log.move_back(owner.organization_id, wanted={"OrganizationUpdated": 2})
    log.seal(owner.organization_id, day)
    return owner, day


def ask(stage: Any, who: Person, day: date) -> dict[str, Any]:
    story = Story(stage[0], stage[1], stage[2], None)  # type: ignore[arg-type]  # tells nobody
    return verified(story, who.tokens, day)


def test_a_sealed_day_is_proven_and_a_changed_entry_is_named(
    stage: Any, sealed: tuple[Person, date], log: Log
) -> None:
    owner, day = sealed
    told = ask(stage, owner, day)
    assert (told["verified"], told["seals"], told["findingCount"]) == (True, 1, 0), told
    assert told["entries"] >= 4

    entry = log.entries(owner.organization_id, day)[0]
    log.put({**entry, "correlation_id": {"S": "another"}})
    told = ask(stage, owner, day)
    assert [(found["kind"], found["eventId"]) for found in told["findings"]] == [
        ("ALTERED", entry["event_id"]["S"])
    ]

    log.put(entry)
    assert ask(stage, owner, day)["verified"]


def test_operators_prove_it_from_a_copy_with_the_public_key(
    stage: Any, sealed: tuple[Person, date], aws: Callable[[str], Any], tmp_path: Path
) -> None:
    owner, _ = sealed
    outputs = stage[0].outputs
    copy, pem = tmp_path / "seals", tmp_path / "seals.pem"
    public = aws("kms").get_public_key(KeyId=outputs["SealSigningKeyArn"])["PublicKey"]
    pem.write_bytes(as_pem(public))
    s3, bucket = aws("s3"), outputs["SealsBucket"]
    prefix = f"{owner.organization_id}/"
    for each in s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]:
        path = copy / each["Key"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read())

    command = ("python", "-m", "ops.verify_audit", str(copy), "--public-key", str(pem))
    environment = {"PYTHONPATH": "layers/tenantry"}
    assert "proven" in run(*command, **environment)

    body = bytearray(path.read_bytes())
    body[200] ^= 1
    path.write_bytes(bytes(body))
    assert "not proven" in run_in_vain(*command, **environment)


def as_pem(der: bytes) -> bytes:
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        PublicFormat,
        load_der_public_key,
    )

    public = load_der_public_key(der)
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
