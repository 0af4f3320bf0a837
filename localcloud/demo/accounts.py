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

    with story.step("Ada, Bob and Cleo ask for accounts at once, one of each kind") as note:
        ada = product.join(f"ada-{run}@public.example", PASSWORD, organization_name=f"Ada {run}")
        bob = product.join(f"bob-{run}@private.example", PASSWORD, organization_name=f"Bob {run}")
        cleo = product.join(f"cleo-{run}@own.example", PASSWORD, organization_name=f"Cleo {run}")
        plan = _plan(story, bob, run)
        tree = plan["resources"][-1].removeprefix("parameters ")
        story.aws("ssm").put_parameter(Name=f"{tree}/s3/raw-bucket", Value="taken", Type="String")
        going = {
            "Ada, public": (ada, _ask(story, ada, "public", run)),
            "Bob, private": (bob, _ask(story, bob, "private", run)),
            "Cleo, dedicated": (cleo, _ask(story, cleo, "dedicated", run)),
        }
        shared, failed, abroad = _watch(story, going)
        assert [each["status"] for each in (shared, abroad)] == ["SUCCEEDED"] * 2, (shared, abroad)
        note(f"Ada: the shared table, under her own keys: {_entered(shared)}")
        own_account = going["Cleo, dedicated"][1]["account"]["id"]
        told = _parameters(story, f"{tree.rpartition('/')[0]}/{own_account}/aws/")
        note(f"Cleo: AWS account {told['account-id']}, entered as {_entered(abroad)}")
        note(f"its role without the external id: {_stranger(story, told['role-arn'])}")
        assert failed["status"] == "FAILED", failed
        note(f"Bob: {failed['errorCode']}, a parameter is taken: {failed['error']}")
        own = plan["resources"][1].removeprefix("table ")
        assert own not in story.aws("dynamodb").list_tables()["TableNames"]
        note("his table, buckets and key are gone again")

    with story.step("Bob's parameter is freed, and a retry makes his account active") as note:
        story.aws("ssm").delete_parameter(Name=f"{tree}/s3/raw-bucket")
        asked = going["Bob, private"][1]
        again = product.rest("POST", f"/accounts/{asked['account']['id']}/retry", bob)
        assert again.status_code == 202, again.text  # noqa: PLR2004 - the status it answers
        [done] = _watch(story, {"Bob": (bob, asked)})
        assert done["status"] == "SUCCEEDED", done
        account = product.rest("GET", f"/accounts/{asked['account']['id']}", bob).json()
        note(f"{account['provisioningStatus']} in table {account['tableName']}")

    path = f"/accounts/{asked['account']['id']}"
    ending = _asked_to_end(story, bob, path)

    with story.step("An operator approves it; Ada moves and writes while Bob's goes") as note:
        root = _operator(story, f"root-{run}@accounts.example")
        approval = {"approvalId": ending["operation"]["approvalId"], "reason": "Bob asked by phone"}
        approved = product.rest("POST", f"{path}/approve", root, body=approval)
        assert approved.status_code == 202, approved.text  # noqa: PLR2004 - the status it answers
        with Writer(product, ada) as writer:
            moving = _move(story, ada, going["Ada, public"][1]["account"]["id"])
            # Bob himself is gone by its end, as it was his only organisation.
            moved, gone = _watch(
                story,
                {"Ada moves": (ada, moving), "Bob ends": (root, ending)},
                lambda: f"{len(writer.asked)} written, {len(writer.refused)} told to come again",
            )
        assert [each["status"] for each in (moved, gone)] == ["SUCCEEDED"] * 2, (moved, gone)
        assert writer.listed().keys() == set(writer.asked)
        note(f"{len(writer.asked)} exports asked for meanwhile: all are there, in her own table")
        codes = sorted({str(error.code) for error in writer.refused}) or ["nothing"]
        note(f"refused while the fence was up: {len(writer.refused)} times {', '.join(codes)}")
        items = moved["comparison"]["new"]["items"]
        note(f"{items} items compared; the old copy stays until {moved['oldCopyUntil'][:10]}")
        assert own not in story.aws("dynamodb").list_tables()["TableNames"]
        note(f"of Bob's, signed and kept: {gone['certificate']}")


def _asked_to_end(story: Story, bob: Tokens, path: str) -> dict[str, Any]:
    """Have the account of Bob at `path` wait for somebody's approval of its end."""
    product = story.product
    with story.step("Bob asks for its end: he sees what goes, and may not approve it") as note:
        plan = product.rest("GET", f"{path}/teardown-plan", bob).json()
        note(f"{plan['inventory']['items']} items and {len(plan['resources'])} resources would go")
        cost = plan["cost"]
        note(f"they cost about {cost['monthly']} {cost['currency']} a month")
        ending: dict[str, Any] = product.rest("DELETE", f"{path}?plan={plan['hash']}", bob).json()
        approval = {"approvalId": ending["operation"]["approvalId"]}
        told = product.rest("POST", f"{path}/approve", bob, body=approval).json()
        assert told["code"] == "OWN_APPROVAL", told
        note(f"his own approval: {told['code']}")
    return ending


def _move(story: Story, ada: Tokens, account_id: str) -> dict[str, Any]:
    """Have it moved to a place of its own, by the plan of a dry run."""
    path, to = f"/accounts/{account_id}/move", {"to": "private"}
    plan = story.product.rest("POST", f"{path}?dryRun=true", ada, body=to).json()["plan"]
    asked = story.product.rest("POST", f"{path}?plan={plan['hash']}", ada, body=to)
    assert asked.status_code == 202, asked.text  # noqa: PLR2004 - the status it answers
    moving: dict[str, Any] = asked.json()
    return moving


def _entered(operation: dict[str, Any]) -> str:
    """As whom a place was tried before it was taken."""
    return str(operation["identity"].rpartition("/")[2])


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
    story: Story, going: dict[str, tuple[Tokens, dict[str, Any]]], beside: Callable[[], str] = str
) -> list[dict[str, Any]]:
    """Show operations while they go on, and what is `beside`; answers each as it ended."""
    deadline = time.monotonic() + _WITHIN
    seen: dict[str, dict[str, Any]] = {}
    # Within a step it is shown below the step's own status line, which is a live display too.
    shown = Live(console=story.console, auto_refresh=False, transient=True)
    live = story.console.is_terminal
    if live:
        shown.start()
    try:
        while time.monotonic() < deadline:
            for who, (tokens, asked) in going.items():
                if who not in seen or seen[who]["status"] not in _ENDED:
                    seen[who] = _operation(story, tokens, asked)
            if live:
                shown.update(_view(seen, beside()), refresh=True)
            if all(each["status"] in _ENDED for each in seen.values()):
                story.console.print(_view(seen, beside()))
                return list(seen.values())
            time.sleep(0.5)
    finally:
        if live:
            shown.stop()
    raise NotInTimeError(f"not all of it ended within {_WITHIN} s")


def _operation(story: Story, tokens: Tokens, asked: dict[str, Any]) -> dict[str, Any]:
    path = f"/accounts/{asked['account']['id']}/operations/{asked['operation']['id']}"
    found: dict[str, Any] = story.product.rest("GET", path, tokens).json()
    return found


def _view(seen: dict[str, dict[str, Any]], beside: str) -> Table:
    view = Table.grid(padding=(0, 1))
    for who, operation in seen.items():
        percent = operation["percent"]
        bar = "█" * (percent // 5) + "░" * (20 - percent // 5)
        status = Text(operation["status"], style="bold")
        view.add_row(Text("    "), Text(f"{bar} {percent} %  {who}"), status)
        steps = Text()
        for step in operation["steps"]:
            steps.append(f"{step['name'].lower()} ", style=_COLORS[step["state"]])
        view.add_row(Text("    "), steps, Text())
    if beside:
        view.add_row(Text("    "), Text(beside), Text())
    return view
