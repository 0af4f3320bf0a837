"""What is left in writing of an account: what was there, what is gone, what is kept and how long.

Whoever has the signing key's public half can check it: `signed` is what the signature is over.
"""

import hashlib
from datetime import datetime
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from tenantry.accounts.model import Inventory
from tenantry.audit.seals import canonical
from tenantry.errors import CorruptDataError

FORMAT: Final = "tenantry-teardown/1"


class Kept(BaseModel):
    """What outlives the account, and until when; `until` is None where that is not known here."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    what: str
    until: datetime | None = None


class Statement(BaseModel):
    """What is certified."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    format: str = FORMAT
    account_id: str
    tenant_id: str
    cloud_type: str
    operation_id: str
    requested_by: str
    approved_by: str
    requested_at: datetime
    approved_at: datetime
    found: Inventory
    left: Inventory
    people: int
    """Users who were deleted with it."""
    kept: tuple[Kept, ...]
    certified_at: datetime
    key_id: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(canonical(self.model_dump(mode="json"))).hexdigest()

    @property
    def signed(self) -> bytes:
        """KMS signs up to 4 KB, so it signs the digest."""
        return canonical({"format": self.format, "sha256": self.digest})


class Certificate(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    statement: Statement
    signature: str
    """Base64 of an ECDSA signature (DER) with SHA-256 over `statement.signed`."""

    @property
    def written(self) -> bytes:
        """Its one form where it is stored."""
        return canonical(self.model_dump(mode="json"))

    @classmethod
    def read(cls, body: bytes) -> Self:
        """CorruptDataError for a single byte that was not written."""
        try:
            found = cls.model_validate_json(body)
        except ValidationError as error:
            raise CorruptDataError("a certificate breaks its schema") from error
        if found.written != body:
            raise CorruptDataError("a certificate is not in the form that they are written in")
        return found


def place(account_id: str, operation_id: str) -> str:
    return f"certificates/{account_id}/{operation_id}.json"


def jsonl(lines: Any) -> bytes:
    """Lines of an export."""
    return b"\n".join(canonical(line) for line in lines)
