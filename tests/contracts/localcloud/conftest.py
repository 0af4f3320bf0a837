"""A local cloud for the contract tests, and what they make in it."""

from __future__ import annotations

import io
import itertools
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config

from localcloud.place import REGION, Place
from localcloud.process import running_cloud

type ClientMaker = Callable[..., Any]
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """An empty local cloud with every mend, shared by the session: use names of your own."""
    with running_cloud(tmp_path_factory.mktemp("cloud")) as where:
        yield where


@pytest.fixture(scope="session")
def client(cloud: Place) -> ClientMaker:
    """Makes an AWS client: of the root, or with the credentials given as keywords."""

    def make(service: str, **credentials: str) -> Any:
        keys = credentials or {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        return boto3.client(
            service,  # type: ignore[call-overload]  # any service, by name
            endpoint_url=cloud.endpoint,
            region_name=REGION,
            config=Config(retries={"max_attempts": 1}),
            **keys,
        )

    return make


@dataclass(frozen=True)
class Functions:
    """Makes functions from source text, with a role that may do what a test says."""

    client: ClientMaker

    def create(self, source: str, statements: list[dict[str, Any]] | None = None) -> str:
        """Create a Python function whose module is `source`; returns its name."""
        name = f"contract-{next(_numbers)}"
        role = self.role(name, "lambda.amazonaws.com", statements or [])
        self.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=role,
            Handler="module.handler",
            Timeout=10,
            Code={"ZipFile": _zipped(source)},
        )
        return name

    def role(self, name: str, service: str, statements: list[dict[str, Any]]) -> str:
        """Create a role that a service assumes; returns its ARN."""
        iam = self.client("iam")
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": service},
                    "Action": "sts:AssumeRole",
                }
            ],
        }
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
        if statements:
            iam.put_role_policy(
                RoleName=name,
                PolicyName="allowed",
                PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}),
            )
        return str(role["Role"]["Arn"])


@pytest.fixture(scope="session")
def functions(client: ClientMaker) -> Functions:
    return Functions(client)


@pytest.fixture
def name() -> str:
    """A name that no other test has."""
    return f"contract-{next(_numbers)}"


def until[T](found: Callable[[], T | None], seconds: float = 20) -> T:
    """What `found` returns as soon as it is true; fails at the deadline."""
    deadline = time.monotonic() + seconds
    while not (value := found()):
        if time.monotonic() > deadline:
            pytest.fail(f"not true within {seconds} s, last: {value!r}")
        time.sleep(0.05)
    return value


@pytest.fixture(scope="session", name="until")
def until_fixture() -> Callable[..., Any]:
    return until


def _zipped(source: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("module.py", source)
    return buffer.getvalue()
