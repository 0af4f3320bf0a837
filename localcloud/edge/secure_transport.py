"""Requests on the loopback interface count as secure: they never leave the machine.

On AWS every client speaks TLS, and a bucket's policy refuses who does not (`aws:SecureTransport`).
The local cloud speaks plain HTTP on 127.0.0.1, so MiniStack would refuse everybody.
"""

from __future__ import annotations

import ministack.app
from ministack.core import iam_evaluator


def install() -> None:
    """Tell IAM that every request came over a secure transport."""
    pin = iam_evaluator.pin_request_origin

    def pinned(source_ip: str, _secure_transport: bool) -> None:
        pin(source_ip, True)

    ministack.app.pin_request_origin = pinned
