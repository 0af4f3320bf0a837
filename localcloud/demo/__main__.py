"""`python -m localcloud.demo`: the demo, on a local cloud of its own or on the running one."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from localcloud.demo.accounts import accounts
from localcloud.demo.audit import audit
from localcloud.demo.billing import billing
from localcloud.demo.foundation import foundation
from localcloud.demo.invitations import invitations
from localcloud.demo.limits import limits
from localcloud.demo.members import members
from localcloud.demo.sealing import sealing
from localcloud.demo.stage import stage
from localcloud.demo.story import Story, tell
from localcloud.errors import LocalCloudError

CHAPTERS = {
    "foundation": foundation,
    "members": members,
    "invitations": invitations,
    "limits": limits,
    "audit": audit,
    "sealing": sealing,
    "billing": billing,
    "accounts": accounts,
}


_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Tell the chapters asked for; 0 when every step did what it says."""
    parser = argparse.ArgumentParser(prog="python -m localcloud.demo", description=__doc__)
    parser.add_argument(
        "--chapter", default=os.environ.get("CHAPTER") or "", help=f"one of: {', '.join(CHAPTERS)}"
    )
    parser.add_argument(
        "--running", action="store_true", help="use the local cloud that `make up` started"
    )
    options = parser.parse_args(arguments)
    if options.chapter and options.chapter not in CHAPTERS:
        return _say(f"There is no chapter {options.chapter!r}. There are: {', '.join(CHAPTERS)}.")
    chosen = [options.chapter] if options.chapter else list(CHAPTERS)
    console = Console(highlight=False)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with stage(console, chosen, running=options.running) as (product, aws, logs):
            story = Story(product, aws, logs, console)
            return 0 if tell(story, {name: CHAPTERS[name] for name in chosen}) else 1
    except LocalCloudError as error:
        return _say(str(error))
    except KeyboardInterrupt:
        return _INTERRUPTED


def _say(what_is_wrong: str) -> int:
    Console(stderr=True, highlight=False).print(Text(what_is_wrong, style="red"))
    return 1


if __name__ == "__main__":
    sys.exit(main())
