"""Adapter: signatures of certificates, by KMS. Checking one needs its public key alone."""

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from tenantry.errors import UnavailableError

if TYPE_CHECKING:
    from types_boto3_kms.client import KMSClient

_BUSY: Final = frozenset({"ThrottlingException", "KMSInternalException", "DependencyTimeout"})


class KmsSigner:
    """As the audit's, without what it reads seals with, which is large."""

    def __init__(self, client: "KMSClient", key_id: str) -> None:
        self._client: Any = client
        self.key_id = key_id

    def sign(self, message: bytes) -> str:
        answer = _called(
            self._client.sign,
            KeyId=self.key_id,
            Message=message,  # KMS takes 4 KB and hashes it
            MessageType="RAW",
            SigningAlgorithm="ECDSA_SHA_256",
        )
        return base64.b64encode(answer["Signature"]).decode()


def _called(call: Callable[..., Any], **request: Any) -> Any:
    try:
        return call(**request)
    except ClientError as error:
        if error.response["Error"]["Code"] in _BUSY:
            raise UnavailableError("KMS is busy; try again.") from error
        raise
    except BotoCoreError as error:
        raise UnavailableError("KMS does not answer; try again.") from error
