"""What a KMS request says of itself, given to IAM's decision: encryption context, algorithm.

MiniStack evaluates a key's policy, and supplies none of KMS's condition keys. See "AWS KMS
condition keys" in the KMS developer guide: `kms:EncryptionContext:<name>` holds the value of one
pair of the encryption context, and is absent when the request has none of that name.
"""

from __future__ import annotations

import functools
import json
from typing import Any

from ministack.core import iam_actions


def install() -> None:
    """Add KMS's condition keys to what IAM is told of a KMS request."""
    tag_context = iam_actions.request_tag_context

    @functools.wraps(tag_context)
    def context_of(service: str, iam_action: str, body: bytes, params: Any) -> dict[str, Any]:
        known: dict[str, Any] = tag_context(service, iam_action, body, params)
        return {**known, **kms_context(body)} if service == "kms" else known

    iam_actions.request_tag_context = context_of


def kms_context(body: bytes) -> dict[str, Any]:
    """Condition keys and their values of a request's body; {} when it has none."""
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        return {}
    if not isinstance(request, dict):
        return {}
    found: dict[str, Any] = {}
    pairs = request.get("EncryptionContext")
    if isinstance(pairs, dict) and pairs:
        found = {f"kms:EncryptionContext:{name}": value for name, value in pairs.items()}
        found["kms:EncryptionContextKeys"] = list(pairs)
    if isinstance(request.get("SigningAlgorithm"), str):
        found["kms:SigningAlgorithm"] = request["SigningAlgorithm"]
    return found
