"""Deploying the built application into a running local cloud with the SAM CLI."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import secrets
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from localcloud import organization, outputs
from localcloud.errors import DeployFailedError, NotBuiltError, NotRunningError
from localcloud.place import REGION, Place
from localcloud.process import is_ready

ROOT = Path(__file__).parent.parent
BUILT_TEMPLATE = Path(".aws-sam/build/template.yaml")
STACK = "tenantry-local"
MAIL_FROM = "no-reply@tenantry.example"
PAYMENT_KEYS = "tenantry-local/stripe"
DIRECTORY_SECRET = "tenantry-local/legacy-directory"
PRICES = {"STARTER": "price_starter", "PROFESSIONAL": "price_professional"}
"""What the stand-in for Stripe sells."""

_RESOURCE_DONE = re.compile(r"(CREATE|UPDATE|DELETE)_COMPLETE\s+\S+\s+(\S+)")
_FAILURE = re.compile(r"FAILED|Error|error|ROLLBACK")
_TAIL = 40
# A file that a built template names outside its folder.
_ELSEWHERE = re.compile(r"^\s*\w+:\s*(\.\./\S+)$", re.MULTILINE)
_MARK = "/localcloud/{}/deployed"

type Progress = Callable[[str], None]


def parameters() -> dict[str, str]:
    """The template's parameters on this machine."""
    machine = platform.machine()
    return {
        "Stage": "local",
        "Prefix": STACK,
        "Architecture": "arm64" if machine in {"arm64", "aarch64"} else "x86_64",
        "LegacyDirectory": "table",
        "SesIdentity": MAIL_FROM,
        "EmailFrom": MAIL_FROM,
        "StripePrices": ",".join(f"{plan}={price}" for plan, price in PRICES.items()),
        "StripeApiBase": "/_stripe",
        "TeardownGraceSeconds": "2",
        "TeardownKeptDays": "1",
        "TagsLingerSeconds": "0",
        "VendorKind": "organizations",
        "MoveSettleSeconds": "1",
    }


def deploy(
    where: Place,
    *,
    template: Path | None = None,
    stack: str = STACK,
    overrides: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> dict[str, str]:
    """Deploy what `sam build` built; returns the outputs and writes them beside the state.

    What is deployed already is not deployed again. `progress` is told in a few words what is
    being done. Raises NotBuiltError, NotRunningError or DeployFailedError with the reason that
    CloudFormation gave.
    """
    built = (template or ROOT / BUILT_TEMPLATE).resolve()
    if not built.exists():
        raise NotBuiltError(f"There is nothing to deploy: {built} does not exist. Run: make build")
    if not is_ready(where):
        raise NotRunningError(where.home)
    told = progress or (lambda _: None)
    told("uploading")
    verify_sender(where)
    chosen = parameters() if overrides is None else dict(overrides)
    if chosen.get("StripePrices") and "StripeSecretArn" not in chosen:
        chosen["StripeSecretArn"] = keep_secret(where, PAYMENT_KEYS, _payment_keys())
    if chosen.get("LegacyDirectory") == "http" and "LegacyDirectorySecretArn" not in chosen:
        chosen["LegacyDirectorySecretArn"] = keep_secret(
            where, DIRECTORY_SECRET, secrets.token_urlsafe(32)
        )
    if chosen.get("VendorKind") and "VendorManagementRoleArn" not in chosen:
        chosen |= organization.set_up(where, chosen["Prefix"])
    now = fingerprint(built, chosen)
    if now != _deployed(where, stack):
        _remember_deployed(where, stack, "unfinished")
        _run_sam(where, built, stack, chosen, told)
        _remember_deployed(where, stack, now)
    found = outputs.localized(where, stack_outputs(where, stack))
    outputs.write(where, found)
    told("saving")
    save_state(where)
    return found


def fingerprint(template: Path, overrides: Mapping[str, str]) -> str:
    """Says whether anything that a deployment depends on has changed: contents, not dates.

    That is what lies beside the template, what the templates name elsewhere, its parameters, and
    the local cloud itself.
    """
    folder = template.parent
    templates = [template, *folder.glob("*/template.yaml")]
    named = {
        (each.parent / path).resolve()
        for each in templates
        for path in _ELSEWHERE.findall(each.read_text())
    }
    built = {path for path in folder.rglob("*") if path.is_file()}
    ours = {path for path in (ROOT / "localcloud").rglob("*.py") if "demo" not in path.parts}
    digest = hashlib.sha256(json.dumps(dict(overrides), sort_keys=True).encode())
    for name, file in sorted(
        (os.path.relpath(file, folder), file) for file in built | named | ours
    ):
        digest.update(name.encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _deployed(where: Place, stack: str) -> str:
    """The fingerprint of what the running cloud has; empty where it has nothing whole."""
    from botocore.exceptions import ClientError

    try:
        described = client(where, "cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
        found = client(where, "ssm").get_parameter(Name=_MARK.format(stack))["Parameter"]["Value"]
    except ClientError:
        return ""
    whole = described["StackStatus"] in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
    return str(found) if whole else ""


def _remember_deployed(where: Place, stack: str, value: str) -> None:
    # In the cloud itself: it is saved, copied, emptied and lost with what it tells of.
    client(where, "ssm").put_parameter(
        Name=_MARK.format(stack), Value=value, Type="String", Overwrite=True
    )


def stack_outputs(where: Place, stack: str = STACK) -> dict[str, str]:
    """The stack's own outputs, by name."""
    described = client(where, "cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    return {each["OutputKey"]: each["OutputValue"] for each in described.get("Outputs", [])}


def save_state(where: Place) -> None:
    """Have the server write its state now, so that even a kill loses nothing older."""
    request = urllib.request.Request(f"{where.endpoint}/_localcloud/save", method="POST")
    urllib.request.urlopen(request, timeout=120).close()


def is_quiet(where: Place) -> bool:
    """Whether nothing happens any more behind what was answered."""
    with urllib.request.urlopen(f"{where.endpoint}/_localcloud/quiet", timeout=10) as answer:
        return bool(json.load(answer)["quiet"])


def warm_up(where: Place, *first: str) -> int:
    """Have environments of functions started behind the scenes, in the order of these words."""
    query = urllib.parse.urlencode([("first", word) for word in first])
    request = urllib.request.Request(f"{where.endpoint}/_localcloud/warm?{query}", method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return int(json.load(answer)["starting"])


def verify_sender(where: Place) -> None:
    """Make the local sender of mails a verified SES identity."""
    client(where, "ses").verify_email_identity(EmailAddress=MAIL_FROM)


def keep_secret(where: Place, name: str, value: str) -> str:
    """Make the secret, once: one that is there stays as it is; answers its ARN."""
    from botocore.exceptions import ClientError

    keeper = client(where, "secretsmanager")
    try:
        made = keeper.create_secret(Name=name, SecretString=value)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceExistsException":
            raise
        made = keeper.describe_secret(SecretId=name)
    return str(made["ARN"])


def _payment_keys() -> str:
    """The keys of the stand-in for Stripe."""
    from localcloud.payments.peer import World

    world = World()
    return json.dumps({"api_key": world.api_key, "webhook_secrets": [world.webhook_secret]})


def client(where: Place, service: str) -> Any:
    """An AWS client that is root of this cloud."""
    import boto3

    keys = where.credentials()
    return boto3.client(
        service,  # type: ignore[call-overload]  # any service, by name
        endpoint_url=where.endpoint,
        region_name=REGION,
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
    )


def sam_command() -> str:
    """The SAM CLI: on the PATH, or in the project's own environment."""
    beside = os.pathsep.join(
        [str(ROOT / ".venv/sam/bin"), str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    )
    found = shutil.which("sam", path=beside)
    if found is None:
        raise DeployFailedError("The SAM CLI was not found. It is installed by: make build")
    return found


def _run_sam(
    where: Place, built: Path, stack: str, overrides: Mapping[str, str], told: Progress
) -> None:
    command = [
        sam_command(),
        "deploy",
        "--template-file",
        str(built),
        "--stack-name",
        stack,
        "--region",
        REGION,
        "--resolve-s3",
        "--capabilities",
        "CAPABILITY_IAM",
        "CAPABILITY_NAMED_IAM",
        "CAPABILITY_AUTO_EXPAND",
        "--no-confirm-changeset",
        "--no-fail-on-empty-changeset",
        "--no-progressbar",
    ]
    if overrides:
        command += [
            "--parameter-overrides",
            *(f"{name}={value}" for name, value in overrides.items()),
        ]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={
            **_without_aws(),
            **where.credentials(),
            "SAM_CLI_TELEMETRY": "0",
            "SAM_CLI_POLL_DELAY": "0.5",
            "PYTHONUNBUFFERED": "1",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    tail: deque[str] = deque(maxlen=_TAIL)
    failures: list[str] = []
    done = 0
    try:
        for line in _lines(process.stdout):
            tail.append(line)
            if _FAILURE.search(line):
                failures.append(line)
            if match := _RESOURCE_DONE.search(line):
                done += 1
                told(f"{done} resources done, last {match[2]}")
            elif line.strip().startswith(("Uploading", "Waiting", "File with same data")):
                told("comparing" if "changeset" in line else "uploading")
        status = process.wait()
    except BaseException:
        process.terminate()
        process.wait()
        raise
    if status != 0:
        raise DeployFailedError("\n".join([*_reasons(where, stack), "", *tail]))


def _lines(stream: Any) -> Iterator[str]:
    for line in stream:
        text = line.rstrip()
        if text and not set(text) <= set("-="):
            yield text


def _reasons(where: Place, stack: str) -> list[str]:
    """Why resources failed, in the stack and in what it nests, first cause first."""
    from botocore.exceptions import ClientError

    found = ["sam deploy failed:"]
    cloudformation = client(where, "cloudformation")
    try:
        nested = [
            each["StackName"]
            for page in cloudformation.get_paginator("list_stacks").paginate()
            for each in page["StackSummaries"]
            if each["StackName"].startswith(stack)
        ]
    except ClientError:
        return found
    for name in nested:
        try:
            events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        except ClientError:
            continue
        found += [
            f"  {name}/{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}"
            for event in reversed(events)
            if event["ResourceStatus"].endswith("_FAILED")
        ]
    return found


def _without_aws() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
