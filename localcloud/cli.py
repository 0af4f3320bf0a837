"""The local cloud: an embedded AWS that runs the whole product on this machine."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.text import Text

from localcloud import deployment, logs, outputs, process
from localcloud.errors import LocalCloudError, NotRunningError
from localcloud.place import DEFAULT_PORT, Place, place
from localcloud.step import Step

_LEVEL_STYLES = {"DEBUG": "dim", "WARNING": "yellow", "ERROR": "red", "CRITICAL": "bold red"}
_SHOWN_ELSEWHERE = {"level", "message", "timestamp", "location", "service"}
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0, or 1 with a message that says what to do."""
    options = _parser().parse_args(arguments)
    where = place(options.port, options.state)
    console = Console(highlight=False)
    commands: dict[str, Callable[[], object]] = {
        "serve": lambda: _serve(where),
        "up": lambda: up(where, console, foreground=options.foreground),
        "down": lambda: down(where, console),
        "deploy": lambda: deploy(where, console),
        "outputs": lambda: show_outputs(where, console),
        "status": lambda: status(where, console),
        "logs": lambda: follow_logs(where, console, options.function),
        "reset": lambda: reset(where, console),
    }
    # Told to end is as good as interrupted; the server itself listens for both.
    if options.command != "serve" and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        commands[options.command]()
    except LocalCloudError as error:
        Console(stderr=True, highlight=False).print(Text(str(error), style="red"))
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0


def up(where: Place, console: Console, *, foreground: bool = False) -> dict[str, str]:
    """Start the cloud where it does not run yet, deploy into it and show where everything is.

    In the foreground it then follows the logs, and Ctrl-C stops the cloud.
    """
    started = process.running(where) is None
    where = _at_running_port(where)
    if started:
        with Step(console, "starting the local cloud") as status:
            process.start(where)
            status.update(f"on {where.endpoint}")
    try:
        found = deploy(where, console)
        if foreground:
            console.print("Following the functions' logs. Ctrl-C stops the local cloud.")
            follow_logs(where, console, "")
    except KeyboardInterrupt:
        if foreground or started:
            console.print()
            down(where, console)
        raise
    except LocalCloudError:
        if foreground:
            down(where, console)
        raise
    return found


def down(where: Place, console: Console) -> None:
    """Stop the cloud, its state saved; nothing to do is fine too."""
    if process.running(where) is None:
        process.stop(where)
        console.print(f"No local cloud is running with the state in {where.home}.")
        return
    with Step(console, "stopping the local cloud") as status:
        process.stop(where)
        status.update(f"its data stays in {where.home}")


def deploy(where: Place, console: Console) -> dict[str, str]:
    """Deploy what was built into the running cloud and show its outputs."""
    where = _running(where)
    with Step(console, "deploying") as status:
        found = deployment.deploy(where, progress=status.update)
        status.update(f"{deployment.STACK} is up to date")
    show_outputs(where, console)
    return found


def show_outputs(where: Place, console: Console) -> None:
    """Print the URLs and ids of the last deployment."""
    where = _at_running_port(where)
    found = outputs.read(where)
    width = max(map(len, found))
    console.print()
    for name, value in found.items():
        url = value.startswith(("http://", "ws://"))
        row = Text.assemble((name.ljust(width + 2), "bold"), (value, "cyan" if url else ""))
        # A value is for copying: never cut.
        console.print(row, soft_wrap=True)
    console.print()
    console.print(Text(f"{where.outputs}  {where.amplify}", style="dim"), soft_wrap=True)
    if process.running(where) is None:
        console.print(Text("It is not running. Start it: make up", style="yellow"))


def status(where: Place, console: Console) -> None:
    """Print whether the cloud runs and where."""
    pid = process.running(where)
    if pid is None:
        raise NotRunningError(where.home)
    where = _at_running_port(where)
    answers = "answers" if process.is_ready(where) else "does not answer yet"
    console.print(f"{where.endpoint} {answers} (process {pid}, state in {where.home})")


def follow_logs(where: Place, console: Console, function: str) -> None:
    """Print what the functions log from now on, until interrupted."""
    where = _running(where)
    client = deployment.client(where, "logs")
    label = f"functions with {function!r} in their name" if function else "all functions"
    console.print(Text(f"logs of {label}, Ctrl-C ends", style="dim"))
    now = int(time.time() * 1000)
    for line in logs.follow(client, function=function, since_ms=now):
        console.print(_rendered(line), soft_wrap=True)


def reset(where: Place, console: Console, *, redeploy: bool = True) -> None:
    """Empty the cloud; one that runs is started again and deployed into."""
    where = _at_running_port(where)
    ran = process.running(where) is not None
    with Step(console, "emptying the local cloud") as status:
        process.stop(where)
        for folder in (where.state, where.objects, where.scratch):
            shutil.rmtree(folder, ignore_errors=True)
        for file in (where.outputs, where.amplify, where.last_port):
            file.unlink(missing_ok=True)
        if ran:
            process.start(where)
        status.update("empty" + (", running" if ran else ""))
    if ran and redeploy and (deployment.ROOT / deployment.BUILT_TEMPLATE).exists():
        deploy(where, console)


def _serve(where: Place) -> None:
    # Without the server's imports the other commands answer at once.
    from localcloud.server import serve

    serve(where)


def _running(where: Place) -> Place:
    if process.running(where) is None:
        raise NotRunningError(where.home)
    return _at_running_port(where)


def _at_running_port(where: Place) -> Place:
    """The same folder at the port its server has, when one runs."""
    port = process.running_port(where)
    return where if port is None else Place(port, where.home)


def _rendered(line: logs.Line) -> Text:
    when = datetime.fromtimestamp(line.at_ms / 1000, UTC).astimezone()
    text = Text(f"{when:%H:%M:%S.%f}"[:-3], style="dim")
    text.append(f" {line.function} ", style="cyan")
    text.append(line.text, style=_LEVEL_STYLES.get(line.level, ""))
    rest = {name: value for name, value in line.fields.items() if name not in _SHOWN_ELSEWHERE}
    if rest:
        text.append("  " + " ".join(f"{name}={value}" for name, value in rest.items()), style="dim")
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m localcloud", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--port",
        type=int,
        help=f"port on 127.0.0.1 (default: $PORT or {DEFAULT_PORT})",
    )
    shared.add_argument(
        "--state", type=Path, help="folder of the state (default: .localcloud, or one per port)"
    )
    for name, what in (
        ("serve", "run the server alone, in the foreground"),
        ("up", "start the local cloud, deploy into it and print its URLs"),
        ("down", "stop the local cloud; its data stays"),
        ("deploy", "deploy what was built into the running local cloud"),
        ("outputs", "print the URLs and ids of the last deployment"),
        ("status", "say whether the local cloud runs"),
        ("logs", "follow what the functions log"),
        ("reset", "empty the local cloud"),
    ):
        command = commands.add_parser(name, parents=[shared], help=what, description=what)
        if name == "up":
            command.add_argument(
                "--foreground", action="store_true", help="stay, follow the logs, end with Ctrl-C"
            )
        if name == "logs":
            command.add_argument(
                "--function",
                default=os.environ.get("FUNCTION") or "",
                help="a part of the functions' names (default: $FUNCTION)",
            )
    return parser
