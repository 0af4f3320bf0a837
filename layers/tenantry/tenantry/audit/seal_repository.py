"""Ports of sealing: the chain of seals, who has one, keys and signatures, and the bucket."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from tenantry.audit.seals import Position, Seal, Statement, Stored


@dataclass(frozen=True)
class SealRecord:
    """What the table knows of a seal that was made."""

    statement: Statement
    place: str


class Seals(Protocol):
    """How far organisations are sealed: what is not may not be forgotten yet."""

    def sealed_through(self, tenant_id: str) -> date | None:
        """The last day (UTC) up to which everything is sealed; None when nothing is.

        An entry belongs to the day `Entry.seal_day`, which for a late one is not its own.
        """


class Chains(Protocol):
    """The chain of an organisation's seals, and the entries they are made of."""

    def position(self, tenant_id: str) -> Position:
        """Where sealing stands, strongly consistent."""

    def entries(self, tenant_id: str, day: date, after: str | None, limit: int) -> list[Stored]:
        """Up to `limit` entries that belong to the seal of `day`, in order, after a position.

        One whose time cannot be read counts to the day that it lies in. Strongly consistent;
        fewer: there are no more.
        """

    def occurred(self, tenant_id: str, day: date, after: str | None, limit: int) -> list[Stored]:
        """Up to `limit` entries of what happened on `day`, whatever their seal, likewise."""

    def stored(self, entries: Sequence[Stored]) -> list[Stored | None]:
        """What now lies where these entries lay."""

    def commit(self, before: Position, after: Position, record: SealRecord) -> bool:
        """Keep the record of a seal and move on, both or none; False unless `before` stands."""

    def move(self, before: Position, after: Position) -> bool:
        """Move on without a seal; False unless `before` stands."""

    def records(
        self, tenant_id: str, day: date, part: int, through: date, limit: int
    ) -> list[SealRecord]:
        """Up to `limit` records from a part of `day` on through a day, in order; none: no more.

        One that cannot be read is left out: it is as good as none.
        """

    def before(self, tenant_id: str, day: date) -> SealRecord | None:
        """The latest record of an earlier day."""


class SealedOrganizations(Protocol):
    """Whose log there is."""

    def add(self, tenant_id: str, since: date) -> None:
        """Remember an organisation, nothing of which is older than `since`."""

    def since(self, tenant_id: str) -> date | None:
        """The day its sealing begins with."""

    def page(self, after: str | None, limit: int) -> tuple[list[str], str | None]:
        """Some organisations after `after`, and where to go on; None at the end."""


class SealStore(Protocol):
    """Where seals are kept for good."""

    def put(self, seal: Seal) -> Seal:
        """Keep `seal`; answers the one that stood at its place before, if one did."""

    def get(self, tenant_id: str, place: str) -> Seal | None:
        """The seal at `place`; CorruptDataError when something else lies there."""

    def places(self, tenant_id: str, day: date, through: date) -> list[str]:
        """Where seals of these days lie."""


class SealKeys(Protocol):
    """The tenants' own keys, which seals are encrypted with."""

    def encrypt(self, tenant_id: str, plain: bytes, bound: bytes) -> bytes:
        """`plain` under the tenant's key, bound to `bound`; the key is made when there is none.

        GoneError when it was destroyed.
        """

    def decrypt(self, tenant_id: str, sealed: bytes, bound: bytes) -> bytes:
        """What was encrypted; CorruptDataError when it or `bound` is another one."""

    def destroy(self, tenant_id: str) -> None:
        """Destroy the tenant's key for good, and with it what any of their seals says."""


class Signer(Protocol):
    key_id: str

    def sign(self, message: bytes) -> str:
        """An ECDSA signature (base64 of DER) with SHA-256 over `message`."""


class Signatures(Protocol):
    def is_valid(self, key_id: str, message: bytes, signature: str) -> bool:
        """Whether a key of the platform made `signature` over `message`."""
