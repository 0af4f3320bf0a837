"""How often health asks, and what one broken dependency says."""

from tenantry.health.service import KEPT, HealthService


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


class Dependency:
    def __init__(self) -> None:
        self.asked = 0
        self.broken = False

    def __call__(self) -> None:
        self.asked += 1
        if self.broken:
            raise ConnectionError("gone")


def ignore(dependency: str, error: str) -> None:
    """Whoever asks again learns again."""


def test_a_flood_of_questions_asks_each_dependency_once() -> None:
    table, clock = Dependency(), Clock()
    service = HealthService({"table": table}, ignore, clock)

    for _ in range(1_000):
        assert service.health().is_up

    assert table.asked == 1


def test_an_answer_stands_for_a_few_seconds_only() -> None:
    table, clock = Dependency(), Clock()
    service = HealthService({"table": table}, ignore, clock)
    service.health()
    table.broken = True

    clock.seconds += KEPT

    assert not service.health().is_up
    assert table.asked == 2


def test_what_is_down_is_named_and_the_others_are_not() -> None:
    table, bus = Dependency(), Dependency()
    bus.broken = True

    reported: list[tuple[str, str]] = []
    service = HealthService({"table": table, "bus": bus}, lambda *down: reported.append(down))

    found = service.health()

    assert reported == [("bus", "ConnectionError")]
    assert found.dependencies == {"table": "up", "bus": "down"}
    assert not found.is_up
