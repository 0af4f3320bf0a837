"""What Cognito does around its Lambda triggers, and MiniStack does not.

`install()` replaces the narrow functions of `ministack.services.cognito` named in each module;
state stays MiniStack's own. What AWS documents is in the fixtures of
tests/contracts/localcloud/fixtures/cognito/, which hold this package to it.
"""

from __future__ import annotations

__all__ = ["install"]


def install() -> None:
    """Fill the gaps; a second call changes nothing."""
    # MiniStack reads its settings when imported: not before the server has set them.
    from localcloud.edge.cognito.mends import fill

    fill()
