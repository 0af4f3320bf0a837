"""The stream driver reads a shard as Lambda does."""

from typing import Any

from tests.support.streams import Records, StreamDriver


def _numbers(event: dict[str, Any]) -> list[int]:
    return [int(r["dynamodb"]["NewImage"]["n"]["N"]) for r in event["Records"]]


def _records(count: int) -> list[dict[str, Any]]:
    records = Records()
    return [records.of(None, {"PK": "p", "SK": str(n), "n": n}) for n in range(count)]


def test_without_failures_each_record_comes_once_and_in_order() -> None:
    seen: list[int] = []
    StreamDriver(lambda event, _: seen.extend(_numbers(event)), batch_size=4).run(_records(10))
    assert seen == list(range(10))


def test_bisecting_leaves_only_the_poison_behind() -> None:
    done: list[int] = []

    def handler(event: dict[str, Any], _: Any) -> None:
        if 5 in _numbers(event):
            raise ValueError("poison")
        done.extend(_numbers(event))

    driver = StreamDriver(handler, batch_size=8, maximum_retry_attempts=2)
    driver.run(_records(8))
    assert done == [0, 1, 2, 3, 4, 6, 7]
    assert [len(each.records) for each in driver.discarded] == [1]
    assert driver.invocations == [8, 4, 4, 2, 1, 1, 1, 1, 2]


def test_without_bisecting_the_whole_batch_is_tried_again_and_then_discarded() -> None:
    def handler(event: dict[str, Any], _: Any) -> None:
        raise ValueError("always")

    driver = StreamDriver(
        handler, batch_size=3, maximum_retry_attempts=2, bisect_batch_on_function_error=False
    )
    driver.run(_records(6))
    assert driver.invocations == [3] * 6
    assert [len(each.records) for each in driver.discarded] == [3, 3]


def test_a_reported_failure_begins_again_at_the_lowest_one() -> None:
    seen: list[list[int]] = []

    def handler(event: dict[str, Any], _: Any) -> dict[str, Any]:
        seen.append(_numbers(event))
        failed = [r for r in event["Records"] if _numbers({"Records": [r]}) in ([4], [2])]
        numbers = [r["dynamodb"]["SequenceNumber"] for r in failed]
        if len(seen) > 1:
            numbers = []
        return {"batchItemFailures": [{"itemIdentifier": number} for number in numbers]}

    StreamDriver(handler, batch_size=6).run(_records(6))
    assert seen == [[0, 1, 2, 3, 4, 5], [2, 3, 4, 5]]
