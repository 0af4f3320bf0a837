"""Take out of boto3 and botocore what the product's clients never open.

    python3.13 trim.py services.txt <folder of the packages>

botocore carries a model of every AWS service, gzipped: 25 MB of which a function reads the few it
names. Those in `services.txt` stay, in their newest version, uncompressed and without their prose,
since a cold start inflates and parses them; the rest goes, and `endpoints.json` keeps the endpoints
of the same services. Every file at the top of `data/` stays: without
`sdk-default-configuration.json` or `partitions.json` no client is made.
"""

import gzip
import json
import shutil
import sys
from pathlib import Path
from typing import Any


def trim(services: frozenset[str], packages: Path) -> None:
    """Leave the models of `services` in `packages`; LookupError when botocore lacks one of them."""
    data = packages / "botocore" / "data"
    if unknown := [name for name in sorted(services) if not (data / name).is_dir()]:
        raise LookupError(f"botocore has no model of {', '.join(unknown)}")
    for folder in (data, packages / "boto3" / "data"):
        for entry in folder.iterdir():
            if entry.is_dir() and entry.name not in services:
                shutil.rmtree(entry)
    for name in sorted(services):
        _keep_newest(data / name)
    for compressed in sorted(data.rglob("*.json.gz")):
        compressed.with_suffix("").write_bytes(gzip.decompress(compressed.read_bytes()))
        compressed.unlink()
    models = [_without_prose(path) for path in sorted(data.rglob("service-2.json"))]
    _keep_endpoints(
        data / "endpoints.json", {model["metadata"]["endpointPrefix"] for model in models}
    )
    shutil.rmtree(packages / "boto3" / "examples", ignore_errors=True)


def _keep_newest(service: Path) -> None:
    """Leave the version of a model that a client takes, and of it what a client reads."""
    *older, newest = sorted(path for path in service.iterdir() if path.is_dir())
    for version in older:
        shutil.rmtree(version)
    for examples in newest.glob("examples-1.json*"):
        examples.unlink()


def _without_prose(path: Path) -> dict[str, Any]:
    """The model in `path`, which keeps no `documentation` that is text (a member is an object)."""

    def kept(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        return {k: v for k, v in pairs if not (k == "documentation" and isinstance(v, str))}

    model: dict[str, Any] = json.loads(path.read_text(), object_pairs_hook=kept)
    path.write_text(json.dumps(model, separators=(",", ":")))
    return model


def _keep_endpoints(path: Path, prefixes: set[str]) -> None:
    endpoints = json.loads(path.read_text())
    for partition in endpoints["partitions"]:
        kept = {name: entry for name, entry in partition["services"].items() if name in prefixes}
        partition["services"] = kept
    path.write_text(json.dumps(endpoints, separators=(",", ":")))


if __name__ == "__main__":
    names = Path(sys.argv[1]).read_text().split()
    trim(frozenset(names), Path(sys.argv[2]))
