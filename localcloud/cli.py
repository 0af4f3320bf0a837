"""The commands of `python -m localcloud`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from localcloud.errors import LocalCloudError
from localcloud.place import DEFAULT_PORT, place


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is 0, or 1 with a message for the person."""
    options = _parser().parse_args(arguments)
    where = place(options.port, options.state)
    try:
        if options.command == "serve":
            from localcloud.server import serve

            serve(where)
    except LocalCloudError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m localcloud", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--port",
        type=int,
        default=int(os.environ.get("PORT") or DEFAULT_PORT),
        help=f"port on 127.0.0.1 (default: $PORT or {DEFAULT_PORT})",
    )
    shared.add_argument("--state", type=Path, help="folder of the state (default: .localcloud)")
    commands.add_parser("serve", parents=[shared], help="run the server in the foreground")
    return parser
