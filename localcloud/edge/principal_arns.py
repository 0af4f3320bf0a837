"""A condition on `aws:PrincipalArn` sees the role of a session, not the session.

MiniStack compares with the session's own ARN. On AWS "for IAM roles, the request context returns
the ARN of the role, not the ARN of the user that assumed the role": see "aws:PrincipalArn" in
"AWS global condition context keys", IAM user guide. Roles with a path lose it here.
"""

from __future__ import annotations

import re
from typing import Any

from ministack.core import iam_evaluator

_SESSION = re.compile(r"^(arn:[a-z-]+):sts::(\d{12}):assumed-role/([^/]+)/.+$")


def install() -> None:
    """Give conditions the role's ARN."""
    resolve = iam_evaluator._resolve_condition_key

    def resolve_role(key: str, context: Any) -> Any:
        value = resolve(key, context)
        if key.lower() == "aws:principalarn" and isinstance(value, str):
            return _SESSION.sub(r"\1:iam::\2:role/\3", value)
        return value

    iam_evaluator._resolve_condition_key = resolve_role
