"""Chapter: an organisation's data gets a place, and a failure on the way leaves nothing behind."""

import secrets
import time
from collections.abc import Callable
from typing import Any

from rich.live import Live
from rich.table import Table
from rich.text import Text

from localcloud.client import NotInTimeError, Tokens
from localcloud.demo.story import Story, refused
from localcloud.demo.writing import Writer

PASSWORD = "Correct-Horse-7-Battery"
_ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")
_WITHIN = 90
_COLORS = {
    "PENDING": "dim",
    "RUNNING": "yellow",
    "DONE": "green",
    "FAILED": "red",
    "UNDOING": "magenta",
    "UNDONE": "dim magenta",
}


def accounts(story: Story) -> None:
    """Accounts of each kind; one moves while it writes; a failure is undone; an end certified."""
    product, run = story.product, secrets.token_hex(3)

    with story.step("Ada asks for a public account: the shared table, under her own keys") as note:
        ada = product.join(f"ada-{run}@public.example", PASSWORD, organization_name=f"Ada {run}")
        asked = _ask(story, ada, "public", run)
        done = _watch(story, ada, asked)
        assert done["status"] == "SUCCEEDED", done
        note(f"verified as {done['identity'].rpartition('/')[2]}")

    _moved(story, ada, asked["account"]["id"])

    with story.step("Bob asks for a private one; a parameter of his stack is taken") as note:
        bob = product.join(f"bob-{run}@private.example", PASSWORD, organization_name=f"Bob {run}")
        plan = _plan(story, bob, run)
        taken = f"{plan['resources'][-1].removeprefix('parameters ')}/s3/raw-bucket"
        story.aws("ssm").put_parameter(Name=taken, Value="taken", Type="String")
        asked = _ask(story, bob, "private", run)
        failed = _watch(story, bob, asked)
        assert failed["status"] == "FAILED", failed
        note(f"{failed['errorCode']}: {failed['error']}")
        own = plan["resources"][1].removeprefix("table ")
        assert own not in story.aws("dynamodb").list_tables()["TableNames"]
        note("its table, buckets and key are gone again")

    with story.step("The parameter is freed, and a retry makes it active") as note:
        story.aws("ssm").delete_parameter(Name=taken)
        again = product.rest("POST", f"/accounts/{asked['account']['id']}/retry", bob)
        assert again.status_code == 202, again.text  # noqa: PLR2004 - the status it answers
        done = _watch(story, bob, asked)
        assert done["status"] == "SUCCEEDED", done
        account = product.rest("GET", f"/accounts/{asked['account']['id']}", bob).json()
        note(f"{account['provisioningStatus']} in table {account['tableName']}")

    _dedicated(story, run, plan["resources"][-1].removeprefix("parameters "))

    with story.step("Bob asks for its end: he sees what goes, and may not approve it") as note:
        path = f"/accounts/{asked['account']['id']}"
        plan = product.rest("GET", f"{path}/teardown-plan", bob).json()
        note(f"{plan['inventory']['items']} items and {len(plan['resources'])} resources would go")
        ending = product.rest("DELETE", f"{path}?plan={plan['hash']}", bob).json()
        approval = {"approvalId": ending["operation"]["approvalId"]}
        refused = product.rest("POST", f"{path}/approve", bob, body=approval).json()
        assert refused["code"] == "OWN_APPROVAL", refused
        note(f"his own approval: {refused['code']}")

    with story.step("An operator approves; after two seconds of grace everything goes") as note:
        root = _operator(story, f"root-{run}@accounts.example")
        approved = product.rest("POST", f"{path}/approve", root, body=approval)
        assert approved.status_code == 202, approved.text  # noqa: PLR2004 - the status it answers
        done = _watch(story, root, ending)  # Bob is gone by its end, as it was his only one
        assert done["status"] == "SUCCEEDED", done
        assert own not in story.aws("dynamodb").list_tables()["TableNames"]
        note(f"signed and kept: {done['certificate']}")


def _moved(story: Story, ada: Tokens, account_id: str) -> None:
    with story.step("Ada moves to a table of her own, and goes on writing all the while") as note:
        path, to = f"/accounts/{account_id}/move", {"to": "private"}
        plan = story.product.rest("POST", f"{path}?dryRun=true", ada, body=to).json()["plan"]
        with Writer(story.product, ada) as writer:
            asked = story.product.rest("POST", f"{path}?plan={plan['hash']}", ada, body=to)
            assert asked.status_code == 202, asked.text  # noqa: PLR2004 - the status it answers
            done = _watch(
                story,
                ada,
                asked.json(),
                lambda: f"{len(writer.asked)} written, {len(writer.refused)} told to come again",
            )
        assert done["status"] == "SUCCEEDED", done
        assert writer.listed().keys() == set(writer.asked)
        note(f"{len(writer.asked)} exports asked for meanwhile: all are there, in her own table")
        codes = sorted({str(error.code) for error in writer.refused}) or ["nothing"]
        note(f"refused while the fence was up: {len(writer.refused)} times {', '.join(codes)}")
        sums = done["comparison"]["new"]
        note(
            f"{sums['items']} items compared, equal; the old copy stays until "
            f"{done['oldCopyUntil'][:10]}"
        )


def _dedicated(story: Story, run: str, other_tree: str) -> None:
    """Told by its own tree of parameters, which lies beside `other_tree`."""
    with story.step("Cleo asks for a dedicated one: an AWS account of their own") as note:
        cleo = story.product.join(
            f"cleo-{run}@own.example", PASSWORD, organization_name=f"Cleo {run}"
        )
        asked = _ask(story, cleo, "dedicated", run)
        done = _watch(story, cleo, asked)
        assert done["status"] == "SUCCEEDED", done
        tree = f"{other_tree.rpartition('/')[0]}/{asked['account']['id']}"
        told = _parameters(story, f"{tree}/aws/")
        note(f"AWS account {told['account-id']}, entered as {done['identity'].rpartition('/')[2]}")
        note(f"its role without the external id: {_stranger(story, told['role-arn'])}")


def _parameters(story: Story, path: str) -> dict[str, str]:
    """What other systems read below `path`, by the rest of its name."""
    found = story.aws("ssm").get_parameters_by_path(Path=path)["Parameters"]
    return {each["Name"].rpartition("/")[2]: each["Value"] for each in found}


def _stranger(story: Story, role_arn: str) -> str:
    """What is told to somebody of the platform who knows everything but the external id."""
    sts = story.aws("sts")
    return refused(
        lambda: sts.assume_role(RoleArn=role_arn, RoleSessionName="stranger"), "AccessDenied"
    ).partition(":")[0]


def _operator(story: Story, email: str) -> Tokens:
    product = story.product
    product.join(email, PASSWORD, organization_name="Platform")
    story.aws("cognito-idp").admin_add_user_to_group(
        UserPoolId=product.outputs["UserPoolId"], Username=email, GroupName="SuperAdmin"
    )
    return product.sign_in(email, PASSWORD)


def _body(cloud_type: str) -> dict[str, Any]:
    return {"name": "Own place", "masterAccountName": "Works", "cloudType": cloud_type}


def _ask(story: Story, tokens: Tokens, cloud_type: str, key: str) -> dict[str, Any]:
    answer = story.product.rest(
        "POST", "/accounts", tokens, body=_body(cloud_type), headers={"idempotency-key": key}
    )
    assert answer.status_code == 202, answer.text  # noqa: PLR2004 - the status it answers
    asked: dict[str, Any] = answer.json()
    return asked


def _plan(story: Story, tokens: Tokens, key: str) -> dict[str, Any]:
    """What a dry run says would be made."""
    answer = story.product.rest(
        "POST",
        "/accounts?dryRun=true",
        tokens,
        body=_body("private"),
        headers={"idempotency-key": key},
    )
    plan: dict[str, Any] = answer.json()["plan"]
    return plan


def _watch(
    story: Story, tokens: Tokens, asked: dict[str, Any], beside: Callable[[], str] = str
) -> dict[str, Any]:
    """Show the operation while it goes on, and what is `beside`; answers it as it ended."""
    path = f"/accounts/{asked['account']['id']}/operations/{asked['operation']['id']}"
    deadline = time.monotonic() + _WITHIN
    # Within a step it is shown below the step's own status line, which is a live display too.
    shown = Live(console=story.console, auto_refresh=False, transient=True)
    live = story.console.is_terminal
    if live:
        shown.start()
    try:
        while time.monotonic() < deadline:
            operation: dict[str, Any] = story.product.rest("GET", path, tokens).json()
            if live:
                shown.update(_view(operation, beside()), refresh=True)
            if operation["status"] in _ENDED:
                story.console.print(_view(operation, beside()))
                return operation
            time.sleep(0.3)
    finally:
        if live:
            shown.stop()
    raise NotInTimeError(f"the operation did not end within {_WITHIN} s")


def _view(operation: dict[str, Any], beside: str) -> Table:
    view = Table.grid(padding=(0, 1))
    percent = operation["percent"]
    bar = "█" * (percent // 5) + "░" * (20 - percent // 5)
    view.add_row(Text("    "), Text(f"{bar} {percent} %"), Text(operation["status"], style="bold"))
    steps = Text()
    for step in operation["steps"]:
        steps.append(f"{step['name'].lower()} ", style=_COLORS[step["state"]])
    view.add_row(Text("    "), steps, Text())
    if beside:
        view.add_row(Text("    "), Text(beside), Text())
    return view
