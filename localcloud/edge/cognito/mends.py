"""The order in which the gaps are filled."""

from __future__ import annotations

from ministack.services import cognito

from localcloud.edge.cognito import (
    attributes,
    calls,
    existence,
    messages,
    recovery,
    sign_in,
    sign_up,
    tokens,
)

_MARK = "_filled_by_the_edge"


def fill() -> None:
    """Install every part, once per process."""
    if getattr(cognito, _MARK, False):
        return
    for part in (existence, messages, tokens, sign_up, recovery, sign_in, attributes):
        part.install()
    calls.install()
    setattr(cognito, _MARK, True)
