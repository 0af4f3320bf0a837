"""A batch of messages is decided by IAM as the single action, of which it is many.

SQS knows no actions for batches: whoever may `sqs:SendMessage` may send ten at once. See "Amazon
SQS API permissions" in the SQS developer guide. MiniStack asks for an action of the batch's name,
which no policy has.
"""

from __future__ import annotations

from typing import Any

from ministack.core import iam_actions

_SINGLE = {
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
}


def install() -> None:
    """Decide batches as the single action."""
    extract = iam_actions.extract_iam_action

    def extract_single(*args: Any, **kwargs: Any) -> str | None:
        action: str | None = extract(*args, **kwargs)
        return _SINGLE.get(action, action) if action else action

    iam_actions.extract_iam_action = extract_single
