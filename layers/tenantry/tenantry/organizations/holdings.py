"""What this context keeps of an organisation, and what its account's end takes."""

from collections.abc import Mapping
from typing import Any, Final

from tenantry.persistence.keys import Key, key
from tenantry.tenancy.holdings import Holding, Store


def _claim(item: Mapping[str, Any]) -> Key | None:
    """The domain is free again for whoever proves it next."""
    return key(f"DOMAIN#{item['SK'].removeprefix('DOMAIN#')}", "CLAIM")


HOLDINGS: Final = (
    Holding(
        Store.PLATFORM,
        "organisations",
        "ORGANIZATION",
        kept="the organisation's record, cancelled, by which its audit log is read and kept",
    ),
    Holding(Store.PLATFORM, "members", "MEMBER#"),
    Holding(Store.PLATFORM, "programs", "MACHINE#"),
    Holding(Store.PLATFORM, "room for objects on their way", "ROOM#"),
    Holding(Store.PLATFORM, "support sessions", "SUPPORT#"),
    Holding(Store.PLATFORM, "operators' sessions", "OPERATOR#"),
    Holding(Store.PLATFORM, "claims on domains", "DOMAIN#", beside=_claim),
)
