"""Sealing in memory, behind the same ports as the adapters; the cryptography is real."""

import base64
import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tenantry.audit.kms import is_signed
from tenantry.audit.sealing import SealTask
from tenantry.audit.seals import Seal, Stored, folder
from tenantry.errors import CorruptDataError, ShreddedError


@dataclass
class InMemoryOrganizations:
    known: dict[str, date] = field(default_factory=dict)

    def add(self, tenant_id: str, since: date) -> None:
        self.known.setdefault(tenant_id, since)

    def since(self, tenant_id: str) -> date | None:
        return self.known.get(tenant_id)

    def page(self, after: str | None, limit: int) -> tuple[list[str], str | None]:
        left = [name for name in sorted(self.known) if after is None or name > after]
        return left[:limit], left[limit - 1] if len(left) > limit else None


@dataclass
class InMemorySealStore:
    bodies: dict[str, bytes] = field(default_factory=dict)

    def put(self, seal: Seal) -> Seal:
        return Seal.read(self.bodies.setdefault(seal.place, seal.written))

    def get(self, tenant_id: str, place: str) -> Seal | None:
        if not place.startswith(folder(tenant_id)):
            raise CorruptDataError("the place of a seal is another tenant's")
        body = self.bodies.get(place)
        return Seal.read(body) if body is not None else None

    def places(self, tenant_id: str, day: date, through: date) -> list[str]:
        own = folder(tenant_id)
        low, high = f"{own}{day.isoformat()}", f"{own}{through.isoformat()}/~"
        return [place for place in sorted(self.bodies) if low < place <= high]


@dataclass
class LocalSealKeys:
    keys: dict[str, bytes | None] = field(default_factory=dict)

    def encrypt(self, tenant_id: str, plain: bytes, bound: bytes) -> bytes:
        nonce = os.urandom(12)
        return nonce + AESGCM(self._key(tenant_id)).encrypt(nonce, plain, bound)

    def decrypt(self, tenant_id: str, sealed: bytes, bound: bytes) -> bytes:
        if tenant_id not in self.keys:
            raise CorruptDataError("the tenant has seals and no key")
        try:
            return AESGCM(self._key(tenant_id)).decrypt(sealed[:12], sealed[12:], bound)
        except (InvalidTag, ValueError) as error:
            raise CorruptDataError("the entries of a seal are not those encrypted") from error

    def destroy(self, tenant_id: str) -> None:
        self.keys[tenant_id] = None

    def _key(self, tenant_id: str) -> bytes:
        key = self.keys.setdefault(tenant_id, os.urandom(32))
        if key is None:
            raise ShreddedError("The organisation's key was destroyed, and its seals with it.")
        return key


@dataclass
class LocalSigner:
    """Signs, and knows its own signatures."""

    key_id: str = "arn:aws:kms:eu-central-1:000000000000:key/seals"
    private: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    @property
    def public_key(self) -> bytes:
        return self.private.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )

    def sign(self, message: bytes) -> str:
        digest = hashlib.sha256(message).digest()
        signed = self.private.sign(digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
        return base64.b64encode(signed).decode()

    def is_valid(self, key_id: str, message: bytes, signature: str) -> bool:
        return key_id == self.key_id and is_signed(self.public_key, message, signature)


@dataclass
class RememberedChecks:
    """Completeness that finds everything complete, and remembers what it was shown."""

    checked: list[str] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)

    def check(self, tenant_id: str, entries: Sequence[Stored]) -> None:
        self.checked += [str(entry["event_id"]) for entry in entries]

    def look(
        self, tenant_id: str, since: datetime, after: str | None, has_time: Callable[[], bool]
    ) -> str | None:
        return None

    def settle(self, tenant_id: str) -> None:
        self.settled.append(tenant_id)


@dataclass
class InMemoryRounds:
    day: date | None = None
    after: str | None = None
    is_done: bool = False

    def read(self) -> tuple[date | None, str | None, bool]:
        return self.day, self.after, self.is_done

    def save(self, day: date, after: str | None) -> None:
        self.day, self.after, self.is_done = day, after, after is None


@dataclass
class SentTasks:
    sent: list[SealTask] = field(default_factory=list)

    def send(self, tasks: Sequence[SealTask]) -> None:
        self.sent += tasks


@dataclass
class Replays:
    """An archive that remembers what it was asked for."""

    asked: list[tuple[str, datetime, datetime]] = field(default_factory=list)

    def replay(self, name: str, start: datetime, end: datetime) -> bool:
        if all(name != known for known, _, _ in self.asked):
            self.asked.append((name, start, end))
        return True
