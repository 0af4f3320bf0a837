"""`python -m ops.redrive`: sends what was given up back to where it failed.

For operators with credentials of the deployment's account; `tenantry queues redrive` does the same
for those who sign in. What lies where, and the way back of each, is in `tenantry.deadletters`.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tenantry.deadletters.model import Moved
from tenantry.deadletters.sqs import Redrive, name_of

_SHOWN_CAUSE = 80


def main() -> int:
    """Show or move what waits; 1 when something stayed, or AWS could not be asked."""
    parser = argparse.ArgumentParser(prog="python -m ops.redrive", description=__doc__)
    parser.add_argument("--outputs", type=Path, default=Path(".localcloud/outputs.json"))
    parser.add_argument("--prefix", help="the deployment's prefix (default: from the outputs)")
    parser.add_argument("--region", help="where the deployment is (default: the shell's)")
    parser.add_argument("--queue", default=os.environ.get("QUEUE", ""), help="part of a name")
    parser.add_argument("--dry-run", action="store_true", help="show what waits, move nothing")
    options = parser.parse_args()
    console = Console()
    outputs = json.loads(options.outputs.read_text()) if options.outputs.exists() else {}
    prefix = options.prefix or outputs.get("Prefix")
    if not prefix:
        console.print("Nothing is deployed here: run `make up` first, or name a --prefix.")
        return 1
    aws = _clients(None if options.prefix else outputs, options.region)
    try:
        done = _redriven(Redrive(aws, prefix), options.queue, options.dry_run, console)
    except NoRegionError:
        console.print("No region: name the deployment's --region, or set AWS_DEFAULT_REGION.")
        return 1
    except (BotoCoreError, ClientError) as error:
        console.print(f"{prefix} could not be asked: {error}", markup=False)
        return 1
    table = Table("queue or bucket", "waiting", "moved", "stayed", "causes")
    for each in done:
        causes = "\n".join(cause[:_SHOWN_CAUSE] for cause in each.causes)
        table.add_row(each.place, str(each.waiting), str(each.moved), str(each.stayed), causes)
    console.print(table)
    return 1 if any(each.stayed for each in done) and not options.dry_run else 0


def _redriven(redrive: Redrive, part: str, dry_run: bool, console: Console) -> list[Moved]:
    """What became of every place whose name has `part` in it; in a dry run, what waits there."""
    places = [
        *((url, name_of(url), count, redrive.run) for url, count in redrive.queues().items()),
        *((name, name, count, redrive.run_bucket) for name, count in redrive.buckets().items()),
    ]
    places = [place for place in places if part in place[1]]
    if dry_run:
        return [Moved(name, count, 0, count, ()) for _, name, count, _ in places]
    done = []
    with Progress(console=console) as progress:
        for place, name, count, run in places:
            task = progress.add_task(name, total=count)
            done.append(run(place, partial(progress.advance, task)))
    return done


def _clients(outputs: Mapping[str, str] | None, region: str | None) -> Callable[[str], Any]:
    """Clients of the local cloud that `outputs` names, or of the account of the environment."""
    given: dict[str, str] = {"region_name": region} if region else {}
    if outputs and outputs.get("Endpoint"):
        given = {
            "endpoint_url": outputs["Endpoint"],
            "region_name": outputs["Region"],
            "aws_access_key_id": "test",  # the local cloud's root
            "aws_secret_access_key": "test",
        }
    session: Any = boto3.session.Session()
    return lambda service: session.client(service, **given)


if __name__ == "__main__":
    sys.exit(main())
