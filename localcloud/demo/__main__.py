"""`python -m localcloud.demo`: the demo, on a local cloud of its own or on the running one."""

import argparse
import os
import sys

from rich.console import Console

from localcloud.demo.foundation import foundation
from localcloud.demo.stage import stage
from localcloud.demo.story import Story, tell

CHAPTERS = {"foundation": foundation}


def main() -> int:
    """Tell the chapters asked for; 0 when every step did what it says."""
    parser = argparse.ArgumentParser(prog="python -m localcloud.demo", description=__doc__)
    parser.add_argument(
        "--chapter", choices=sorted(CHAPTERS), default=os.environ.get("CHAPTER") or None
    )
    parser.add_argument(
        "--running", action="store_true", help="use the local cloud that `make up` started"
    )
    options = parser.parse_args()
    chosen = [options.chapter] if options.chapter else list(CHAPTERS)
    console = Console(highlight=False)
    with stage(console, running=options.running) as (product, aws, logs):
        story = Story(product, aws, logs, console)
        return 0 if tell(story, {name: CHAPTERS[name] for name in chosen}) else 1


if __name__ == "__main__":
    sys.exit(main())
