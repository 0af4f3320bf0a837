"""Fixtures of every test: no test reaches AWS, and each has its own tables.

`moto` answers in-process and is quick; it cannot show concurrency or isolation. What needs those
asks for `ministack` (the local cloud, one process per test session). Never use both in one test:
moto answers for every client of the process.
"""

from collections.abc import Iterator

import boto3
import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext
from hypothesis import HealthCheck, settings
from moto import mock_aws

from tenantry.bootstrap import SINGLE_ATTEMPT
from tenantry.messaging.stamp import Stamp
from tenantry.persistence.table import Table
from tenantry.runtime.observability import metrics
from tests.support.clock import FakeClock, FakeIds
from tests.support.invocations import forget
from tests.support.lambda_context import lambda_context as make_context
from tests.support.ministack import MiniStack, start
from tests.support.tables import Kind, create_table, fresh_table

settings.register_profile(
    "tests", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("tests")


@pytest.fixture(autouse=True)
def aws_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials that open nothing, so that a forgotten fake fails instead of reaching AWS.

    boto3's own session keeps the first credentials that it finds: it goes with each test.
    """
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(autouse=True)
def metrics_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every template names one; Powertools reads it when it is imported, which here came first."""
    monkeypatch.setattr(metrics.provider, "namespace", "Tenantry")


@pytest.fixture
def moto(aws_environment: None) -> Iterator[None]:
    """AWS in this process."""
    with mock_aws():
        yield
    forget()


@pytest.fixture
def platform_table(moto: None) -> Table:
    """An empty platform table on moto."""
    return fresh_table(boto3.client("dynamodb", config=SINGLE_ATTEMPT), "platform")


@pytest.fixture
def tenant_table(moto: None) -> Table:
    """An empty tenant table on moto."""
    return fresh_table(boto3.client("dynamodb", config=SINGLE_ATTEMPT), "tenant")


@pytest.fixture
def audit_table(moto: None) -> Table:
    """An empty audit table on moto."""
    return fresh_table(boto3.client("dynamodb", config=SINGLE_ATTEMPT), "audit")


@pytest.fixture
def legacy_table(moto: None) -> str:
    """The name of an empty table of a legacy system's users on moto."""
    return create_table(boto3.client("dynamodb", config=SINGLE_ATTEMPT), "legacy")


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MiniStack]:
    """The local cloud with IAM enforced, one process per session (per worker under xdist)."""
    cloud = start(tmp_path_factory.mktemp("localcloud"))
    yield cloud
    cloud.stop()


@pytest.fixture(autouse=True)
def _ministack_outlives_the_test(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whoever leaves a local cloud that does not answer fails, with its log; others get a new one.

    It looks only where a test uses one, and has the product forget what it built there.
    """
    cloud = request.getfixturevalue("ministack") if "ministack" in request.fixturenames else None
    yield
    if cloud:
        forget()
    if cloud and (trouble := cloud.trouble()):
        cloud.start_again()
        pytest.fail(f"the local cloud of the tests {trouble}")


def _table_of(cloud: MiniStack, kind: Kind) -> Iterator[Table]:
    """A table of the test's own, which goes with it: what a call costs grows with what is held."""
    client = cloud.client("dynamodb")
    table = fresh_table(client, kind)
    yield table
    client.delete_table(TableName=table.name)


@pytest.fixture
def ministack_platform_table(ministack: MiniStack) -> Iterator[Table]:
    """An empty platform table on the local cloud."""
    yield from _table_of(ministack, "platform")


@pytest.fixture
def ministack_tenant_table(ministack: MiniStack) -> Iterator[Table]:
    """An empty tenant table on the local cloud."""
    yield from _table_of(ministack, "tenant")


@pytest.fixture
def ministack_audit_table(ministack: MiniStack) -> Iterator[Table]:
    """An empty audit table on the local cloud."""
    yield from _table_of(ministack, "audit")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ids() -> FakeIds:
    return FakeIds()


@pytest.fixture
def stamp(clock: FakeClock, ids: FakeIds) -> Stamp:
    return Stamp(now=clock, new_id=ids)


@pytest.fixture
def lambda_context() -> LambdaContext:
    return make_context()
