"""Adapter: signatures by KMS. Checking one needs its public key alone, and a library that is large:
who only signs does without it."""

import base64
from typing import TYPE_CHECKING

from tenantry.runtime.services import reached

if TYPE_CHECKING:
    from types_boto3_kms.client import KMSClient


class KmsSigner:
    def __init__(self, client: "KMSClient", key_id: str) -> None:
        self._client = client
        self.key_id = key_id

    def sign(self, message: bytes) -> str:
        with reached("The service that signs"):
            answer = self._client.sign(
                KeyId=self.key_id,
                Message=message,  # KMS takes 4 KB and hashes it
                MessageType="RAW",
                SigningAlgorithm="ECDSA_SHA_256",
            )
        return base64.b64encode(answer["Signature"]).decode()
