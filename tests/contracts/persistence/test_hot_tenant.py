"""One tenant hammers the table and is throttled; the others hardly notice (row 17).

Time here is counted, not measured: five milliseconds a call, and what the SDK and the table wait.
The table below the SDK is in memory and throttles a partition that is asked too much, as DynamoDB
does. So this shows what one process shares among tenants (connections, the SDK's allowance of
retries, waits) and that a tenant's writes fall on its own partition; not how AWS shares machines.
In a storm the SDK's allowance is soon used up: what is refused then waits the table's few
milliseconds instead of the SDK's second, so the others may even be quicker than before.
"""

import random
import threading
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import SimpleNamespace
from unittest.mock import patch

import boto3
import botocore.endpoint
import pytest

from tenantry.bootstrap import SINGLE_ATTEMPT
from tenantry.errors import UnavailableError
from tenantry.persistence import keys
from tenantry.persistence.keys import organization_key
from tenantry.persistence.table import Table
from tenantry.persistence.writes import Change
from tests.support.faults import Answer, Call, Send, answered, error_answer, injected

SEED = 20260302
CALL = 0.005
TENANTS = 10
HOT = "t-0"


@dataclass
class Waits:
    """The counted time of each thread's own write."""

    _own: threading.local = field(default_factory=threading.local)

    def begin(self) -> None:
        self._own.seconds = 0.0

    def add(self, seconds: float) -> None:
        self._own.seconds += seconds

    @property
    def seconds(self) -> float:
        return float(self._own.seconds)


@dataclass
class Partitions:
    """A table below the SDK: takes writes; a partition under a storm takes 40 % of them."""

    waits: Waits
    storm: str | None
    written: Counter[str] = field(default_factory=Counter)
    _dice: random.Random = field(default_factory=lambda: random.Random(SEED))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, call: Call, send: Send) -> Answer:
        partition = call.parameters["Key"]["PK"]["S"]
        self.waits.add(CALL)
        with self._lock:
            # Everyone is refused now and then; whose partition is hot, most of the time.
            refused = self._dice.random() < (0.6 if partition == self.storm else 0.02)
            if not refused:
                self.written[partition] += 1
        return error_answer(call, "ThrottlingException") if refused else answered(call, {})


@dataclass
class Result:
    seconds: dict[str, list[float]]
    refused: Counter[str]
    partitions: Partitions

    @property
    def others_p99(self) -> float:
        others = sorted(s for tenant, all_ in self.seconds.items() if tenant != HOT for s in all_)
        return others[int(len(others) * 0.99)]


def hammer(writes: int, storm: str | None) -> Result:
    """Writes from 32 threads over one client, 80 % of them of one tenant."""
    waits, dice = Waits(), random.Random(SEED)
    partitions = Partitions(waits, storm)
    client = boto3.client("dynamodb", config=SINGLE_ATTEMPT, endpoint_url="http://127.0.0.1:9")
    table = Table(client, "table", sleep=waits.add)
    names = [HOT if dice.random() < 0.8 else f"t-{1 + n % (TENANTS - 1)}" for n in range(writes)]
    result = Result(defaultdict(list), Counter(), partitions)
    lock = threading.Lock()

    def write(number: int) -> None:
        tenant = names[number]
        change = Change(organization_key(tenant), 1, {"n": number}, ())
        waits.begin()
        try:
            table.write(change)
        except UnavailableError:
            with lock:
                result.refused[tenant] += 1
        with lock:
            result.seconds[tenant].append(waits.seconds)

    with (
        injected(partitions),
        patch.object(botocore.endpoint, "time", SimpleNamespace(sleep=waits.add)),
        ThreadPoolExecutor(32) as pool,
    ):
        list(pool.map(write, range(writes)))
    return result


def test_while_one_tenant_hammers_the_others_p99_at_most_doubles() -> None:
    quiet, storm = hammer(2500, None), hammer(5000, f"ORG#{HOT}")

    assert storm.others_p99 <= 2 * quiet.others_p99, f"seed {SEED}"
    assert set(storm.refused) <= {HOT}
    for tenant, seconds in storm.seconds.items():
        acknowledged = len(seconds) - storm.refused[tenant]
        assert storm.partitions.written[f"ORG#{tenant}"] == acknowledged
    # The one who hammers waits, and is mostly served.
    assert storm.refused[HOT] < 0.05 * len(storm.seconds[HOT])


def test_were_all_tenants_in_one_partition_all_would_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The twin: the tenant is no longer the prefix of the key."""
    quiet = hammer(1000, None)
    monkeypatch.setattr(keys, "organization_pk", lambda _tenant, *_rest: "ORG#all")

    storm = hammer(1000, "ORG#all")

    assert storm.others_p99 > 2 * quiet.others_p99
