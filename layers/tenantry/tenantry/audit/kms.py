"""Adapters: tenants' data keys and the checks of signatures, by KMS.

ORG#<id>#SEALS / DATA_KEY holds the tenant's data key, wrapped by a key of KMS and readable nowhere
else: without it nobody reads what any of the tenant's seals hold.
"""

import base64
import hashlib
import os
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, ParamValidationError
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tenantry.audit.retiring import data_key as _key
from tenantry.audit.retiring import retired_key
from tenantry.errors import CorruptDataError, ShreddedError
from tenantry.persistence.items import Item
from tenantry.persistence.table import Table
from tenantry.runtime.identifiers import now
from tenantry.runtime.services import reached

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from types_boto3_kms.client import KMSClient

_NONCE = 12
_NO_KEY = frozenset({"DisabledException", "KMSInvalidStateException", "NotFoundException"})
_KEYS = "The service that keeps the keys"
_SHREDDED = "The organisation's key was destroyed, and its seals with it."
_NEVER = float("inf")


class KmsSealKeys:
    """No key is kept in memory between two uses, so that destroying one holds from then on."""

    def __init__(
        self,
        client: "KMSClient",
        table: Table,
        key_arn: str,
        now: "Callable[[], datetime]" = now,
    ) -> None:
        self._client = client
        self._table = table
        self._key_arn = key_arn
        self._now = now

    def encrypt(self, tenant_id: str, plain: bytes, bound: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        return nonce + AESGCM(self._data_key(tenant_id)).encrypt(nonce, plain, bound)

    def decrypt(self, tenant_id: str, sealed: bytes, bound: bytes) -> bytes:
        item = self._table.get(_key(tenant_id))
        if item is None:
            self._require_unretired(tenant_id)
            raise CorruptDataError("the tenant has seals and no key")
        try:
            cipher = AESGCM(self._unwrapped(tenant_id, item))
            return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], bound)
        except (InvalidTag, ValueError) as error:
            raise CorruptDataError("the entries of a seal are not those encrypted") from error

    def destroy(self, tenant_id: str) -> None:
        """What takes its place says so, so that no new key is ever made."""
        self._table.put({**_key(tenant_id), "destroyed": True})

    def _data_key(self, tenant_id: str) -> bytes:
        item = self._table.get(_key(tenant_id))
        if item is None:
            self._require_unretired(tenant_id)
            with reached(_KEYS):
                made = self._client.generate_data_key(
                    KeyId=self._key_arn, KeySpec="AES_256", EncryptionContext=_context(tenant_id)
                )
            wrapped = base64.b64encode(made["CiphertextBlob"]).decode()
            if self._table.add({**_key(tenant_id), "wrapped": wrapped}):
                return made["Plaintext"]
            item = self._table.get(_key(tenant_id)) or {}  # another sealer was first
        return self._unwrapped(tenant_id, item)

    def _require_unretired(self, tenant_id: str) -> None:
        if self._table.get(retired_key(tenant_id)):
            raise ShreddedError(_SHREDDED)

    def _unwrapped(self, tenant_id: str, item: Item) -> bytes:
        # From its date on it is not used, whether it is there still or not.
        if item.get("destroyed") or item.get("purge_at", _NEVER) <= self._now().timestamp():
            raise ShreddedError(_SHREDDED)
        try:
            with reached(_KEYS):
                return self._client.decrypt(
                    KeyId=self._key_arn,
                    CiphertextBlob=base64.b64decode(item["wrapped"]),
                    EncryptionContext=_context(tenant_id),
                )["Plaintext"]
        except (KeyError, TypeError, ValueError, ParamValidationError) as error:
            raise CorruptDataError("the tenant's key cannot be read") from error
        except ClientError as error:
            if error.response["Error"]["Code"] != "InvalidCiphertextException":
                raise
            raise CorruptDataError("the tenant's key was not wrapped for it") from error


class KmsSignatures:
    """Checks signatures here, by the public keys that KMS tells once a process.

    A key that is trusted and that KMS no longer tells of has signed nothing that can be believed.
    """

    def __init__(self, client: "KMSClient", key_ids: "Collection[str]") -> None:
        self._client = client
        self._trusted = frozenset(key_ids)
        self._public: dict[str, bytes] = {}

    def is_valid(self, key_id: str, message: bytes, signature: str) -> bool:
        if key_id not in self._trusted:
            return False
        public = self._public.get(key_id) or self._told(key_id)
        return public is not None and is_signed(public, message, signature)

    def _told(self, key_id: str) -> bytes | None:
        try:
            with reached(_KEYS):
                self._public[key_id] = self._client.get_public_key(KeyId=key_id)["PublicKey"]
        except ClientError as error:
            if error.response["Error"]["Code"] not in _NO_KEY:
                raise
            return None
        return self._public[key_id]


def is_signed(public_key: bytes, message: bytes, signature: str) -> bool:
    """Whether the key (DER) is that of an ECDSA signature (base64 of DER) over `message`."""
    known = load_der_public_key(public_key)
    digest = hashlib.sha256(message).digest()
    if not isinstance(known, ec.EllipticCurvePublicKey):
        return False
    try:
        raw = base64.b64decode(signature, validate=True)
        known.verify(raw, digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
    except (InvalidSignature, ValueError):
        return False
    # DER leaves room for several spellings of one signature, and base64 for several of its text.
    spelled = utils.encode_dss_signature(*utils.decode_dss_signature(raw))
    return spelled == raw and base64.b64encode(raw).decode() == signature


def _context(tenant_id: str) -> dict[str, str]:
    """Bound to the wrapped key by KMS: it opens for this tenant only, and the trail names whose."""
    return {"tenant_id": tenant_id}
