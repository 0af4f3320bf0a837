"""Who sends a mail: the identity that IAM decides SES's SendEmail on.

MiniStack decides it on everything, so a role that may send from its own identity only would be
refused. "Actions, resources, and condition keys for Amazon SES" in the service authorization
reference: SendEmail is authorised on the identity of the sender.
"""

from __future__ import annotations

import json
from email.utils import parseaddr
from typing import Any

from ministack.core import iam_actions

_SEND = ["v2", "email", "outbound-emails"]


def install() -> None:
    """Name the sender's identity where MiniStack names everything."""
    known = iam_actions._ses_v2_resource_arn

    def resource_arn(method: str, path: str, body: bytes, region: str, account_id: str) -> Any:
        if method == "POST" and [part for part in path.split("/") if part] == _SEND:
            sender = sender_of(body)
            if sender:
                return f"arn:aws:ses:{region}:{account_id}:identity/{sender}"
        return known(method, path, body, region, account_id)

    iam_actions._ses_v2_resource_arn = resource_arn


def sender_of(body: bytes) -> str:
    """The address that a SendEmail request sends from; empty when it names none."""
    try:
        asked = json.loads(body or b"{}")
    except ValueError:
        return ""
    return parseaddr(str(asked.get("FromEmailAddress", "")))[1] if isinstance(asked, dict) else ""
