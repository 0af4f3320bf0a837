"""`python -m ops.verify_audit`: checks the seals of the audit without the product.

Whoever holds a copy of the seals and the public key of the deployment needs nothing else: no AWS,
no account, no word of the vendor's. Checked of every seal are its signature, that its encrypted
entries are those that were signed, and that it follows the one before it, from the first on.

    python -m ops.verify_audit seals/ --public-key seals.pem

Where the signing key was rotated, each key is given with its ARN, which the seals name:

    python -m ops.verify_audit seals/ --public-key arn:...=old.pem --public-key arn:...=new.pem

With --open, and rights on the deployment's keys and table, the seals are opened: the chain over
the entries is made again, and the entries are compared with those in the log.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)
from rich.console import Console
from rich.table import Table as Shown

from tenantry.audit.kms import KmsSealKeys, is_signed
from tenantry.audit.model import is_place
from tenantry.audit.seals import Seal, Statement, Stored, sealed_part
from tenantry.audit.verification import chain_faults, entry_faults, opened, seal_faults
from tenantry.errors import CorruptDataError, ShreddedError
from tenantry.persistence.keys import key
from tenantry.persistence.table import Table


@dataclass(frozen=True)
class Checked:
    """What became of the seals of one organisation."""

    organization: str
    seals: int
    entries: int
    through: str
    faults: tuple[str, ...]


@dataclass(frozen=True)
class PublicKeys:
    """Signatures of keys (DER) by their ids; of a single one that goes by "", whatever its id is.

    Whoever gives a single key knows whose it is.
    """

    by_id: Mapping[str, bytes]

    def is_valid(self, key_id: str, message: bytes, signature: str) -> bool:
        known = self.by_id.get(key_id) or self.by_id.get("")
        return known is not None and is_signed(known, message, signature)


@dataclass(frozen=True)
class Verifier:
    """`find` answers what is wrong with the opened entries of a seal; None leaves them closed."""

    signatures: PublicKeys
    find: Callable[[Seal], Iterator[str]] | None = None

    def check(self, organization: str, bodies: Mapping[str, bytes]) -> Checked:
        """Check every seal of an organisation, named by where it lies."""
        faults: list[str] = []
        statements: list[Statement] = []
        for place, body in sorted(bodies.items()):
            try:
                seal = Seal.read(body)
                found = [*self._faults(organization, place, seal)]
            except (CorruptDataError, ShreddedError) as error:
                faults.append(f"{place}: {error}")
                continue
            faults += [f"{place}: {fault}" for fault in found]
            statements.append(seal.statement)
        statements.sort(key=lambda said: said.sequence)
        faults += [f"{_said(said)}: {fault}" for said, fault in chain_faults(statements)]
        if statements and not statements[-1].is_last:
            faults.append(f"{_said(statements[-1])}: the rest of its day is missing")
        return Checked(
            organization,
            seals=len(statements),
            entries=sum(said.entries for said in statements),
            through=str(statements[-1].day) if statements else "",
            faults=tuple(faults),
        )

    def _faults(self, organization: str, place: str, seal: Seal) -> Iterator[str]:
        yield from seal_faults(seal, organization, self.signatures)
        if seal.place != place:
            yield "it lies in the place of another seal"
        seal.content  # noqa: B018 - raises unless it is what was signed
        if self.find:
            yield from self.find(seal)


@dataclass(frozen=True)
class Log:
    """The log of the deployment, and the keys that open its seals."""

    table: Table
    keys: KmsSealKeys

    def faults(self, seal: Seal) -> Iterator[str]:
        """What is wrong with the entries of a seal, and with what lies in the log for them."""
        entries = opened(seal, self.keys)
        yield from entry_faults(seal.statement, entries)
        own = [entry for entry in entries if is_place(entry, seal.statement.tenant_id)]
        if len(own) < len(entries):
            yield "it holds entries that name no place in the organisation's log"
        found = self.table.get_all([key(entry["PK"], entry["SK"]) for entry in own])
        for entry, stored in zip(own, found, strict=True):
            yield from _different(entry, stored)


def _different(entry: Stored, stored: Stored | None) -> Iterator[str]:
    if stored is None:
        yield f"{entry.get('event_id')} is not in the log"
    elif sealed_part(stored) != sealed_part(entry):
        yield f"{entry.get('event_id')} was changed in the log"


def from_folder(folder: Path) -> dict[str, dict[str, bytes]]:
    """The seals of a copy of the bucket, by organisation and place."""
    found: defaultdict[str, dict[str, bytes]] = defaultdict(dict)
    for path in sorted(folder.rglob("*.json")):
        place = path.relative_to(folder).as_posix()
        found[place.split("/")[0]][place] = path.read_bytes()
    return found


def from_bucket(s3: Any, bucket: str, organization: str) -> dict[str, dict[str, bytes]]:
    """The seals of the bucket itself, of one organisation or of all."""
    found: defaultdict[str, dict[str, bytes]] = defaultdict(dict)
    prefix = f"{organization}/" if organization else ""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for each in page.get("Contents", []):
            place = each["Key"]
            body = s3.get_object(Bucket=bucket, Key=place)["Body"].read()
            found[place.split("/")[0]][place] = body
    return found


def main(arguments: list[str] | None = None) -> int:
    """Say what is proven; 1 when something is wrong, or there is nothing to check."""
    options = _options(arguments)
    console = Console()
    outputs = json.loads(options.outputs.read_text()) if options.outputs.exists() else {}
    aws = _clients(outputs, options.region)
    try:
        seals = (
            from_folder(options.seals)
            if options.seals
            else from_bucket(aws("s3"), _named(options, outputs, "bucket"), options.organization)
        )
        public = _public_keys(options, aws, outputs)
        find = _log(aws, options, outputs).faults if options.open else None
        verifier = Verifier(PublicKeys(public), find)
        checked = [
            verifier.check(organization, bodies)
            for organization, bodies in sorted(seals.items())
            if options.organization in ("", organization)
        ]
    except (BotoCoreError, ClientError, LookupError, OSError, ValueError) as error:
        console.print(f"The seals could not be checked: {error}", markup=False)
        return 1
    _show(console, checked)
    if not checked:
        console.print("There are no seals.")
    return 0 if checked and not any(each.faults for each in checked) else 1


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m ops.verify_audit",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("seals", type=Path, nargs="?", help="a copy of the bucket (default: it)")
    parser.add_argument(
        "--public-key",
        action="append",
        metavar="[ARN=]PEM",
        help="a file; several with the ARN of each (default: asked of KMS)",
    )
    parser.add_argument("--organization", default="", help="only this one's")
    parser.add_argument("--open", action="store_true", help="compare the entries with the log too")
    parser.add_argument("--outputs", type=Path, default=Path(".localcloud/outputs.json"))
    parser.add_argument("--region", help="where the deployment is (default: the shell's)")
    parser.add_argument("--bucket", help="the bucket of seals (default: from the outputs)")
    parser.add_argument("--table", help="the audit table (default: from the outputs)")
    parser.add_argument("--wrapping-key", help="ARN (default: from the outputs)")
    parser.add_argument("--signing-key", help="ARN (default: from the outputs)")
    parser.add_argument("--retired-keys", help="ARNs, by commas (default: from the outputs)")
    return parser.parse_args(arguments)


_OUTPUTS = {
    "bucket": "SealsBucket",
    "table": "AuditTable",
    "wrapping_key": "SealWrappingKeyArn",
    "signing_key": "SealSigningKeyArn",
    "retired_keys": "RetiredSealKeyArns",
}


def _named(options: argparse.Namespace, outputs: Mapping[str, str], name: str) -> str:
    value = getattr(options, name) or outputs.get(_OUTPUTS[name])
    if not value:
        raise LookupError(f"name --{name.replace('_', '-')}, or the deployment's --outputs")
    return str(value)


def _public_keys(
    options: argparse.Namespace, aws: Callable[[str], Any], outputs: Mapping[str, str]
) -> dict[str, bytes]:
    """By the id that seals name a key by; by "" for a single one that was given without."""
    given: list[str] = options.public_key or []
    if given:
        named = [each.rpartition("=")[::2] for each in given]
        found = {name: _from_pem(Path(path)) for name, path in named}
        if len(given) > 1 and ("" in found or len(found) < len(given)):
            raise LookupError("of several public keys, name each by its ARN: ARN=PEM")
        return found
    signing = _named(options, outputs, "signing_key")
    retired = options.retired_keys or outputs.get(_OUTPUTS["retired_keys"], "")
    kms = aws("kms")
    arns = [arn for arn in (signing, *retired.split(",")) if arn]
    return {arn: bytes(kms.get_public_key(KeyId=arn)["PublicKey"]) for arn in arns}


def _from_pem(path: Path) -> bytes:
    public = load_pem_public_key(path.read_bytes())
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _log(aws: Callable[[str], Any], options: argparse.Namespace, outputs: Mapping[str, str]) -> Log:
    table = Table(aws("dynamodb"), _named(options, outputs, "table"))
    keys = KmsSealKeys(aws("kms"), table, _named(options, outputs, "wrapping_key"))
    return Log(table, keys)


def _show(console: Console, checked: list[Checked]) -> None:
    table = Shown("organisation", "seals", "entries", "through", "")
    for each in checked:
        said = "[red]not proven[/red]" if each.faults else "[green]proven[/green]"
        figures = (each.organization, str(each.seals), str(each.entries), each.through)
        table.add_row(*figures, said)
    console.print(table)
    for each in checked:
        for fault in each.faults:
            console.print(f"  {fault}", style="red", markup=False)


def _said(said: Statement) -> str:
    return f"seal {said.sequence} of {said.day.isoformat()}"


def _clients(outputs: Mapping[str, str], region: str | None) -> Callable[[str], Any]:
    """Clients of the local cloud that `outputs` names, or of the account of the environment."""
    given: dict[str, str] = {"region_name": region} if region else {}
    if outputs.get("Endpoint"):
        given = {
            "endpoint_url": outputs["Endpoint"],
            "region_name": outputs["Region"],
            "aws_access_key_id": "test",  # the local cloud's root
            "aws_secret_access_key": "test",
        }
    session: Any = boto3.session.Session()
    return lambda service: session.client(service, **given)


if __name__ == "__main__":
    sys.exit(main())
