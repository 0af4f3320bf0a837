"""What tenants have stored, in memory."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tenantry.tenancy.stored import Area, Stored


@dataclass
class FakeMeter:
    """Sizes of objects by area, older versions apart; pages of two; `meanwhile` after each."""

    current: dict[Area, list[int]] = field(default_factory=dict)
    old: dict[Area, list[int]] = field(default_factory=dict)
    place: str = "raw processed"
    meanwhile: Callable[[], None] = lambda: None
    pages: int = 0

    def page(self, area: Area, position: str | None) -> tuple[Stored, str | None]:
        self.pages += 1
        every = [(size, True) for size in self.current.get(area, [])]
        every += [(size, False) for size in self.old.get(area, [])]
        start = int(position or 0)
        found = every[start : start + 2]
        self.meanwhile()
        stored = Stored(
            objects=sum(is_current for _, is_current in found),
            bytes=sum(size for size, is_current in found if is_current),
            old_versions=sum(not is_current for _, is_current in found),
            old_bytes=sum(size for size, is_current in found if not is_current),
        )
        return stored, str(start + 2) if start + 2 < len(every) else None
