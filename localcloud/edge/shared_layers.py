"""A layer is unpacked once and shared by all who attach it, as AWS shares one file system image.

MiniStack unpacks every layer anew for each cold start, inside its own process: 2,500 files a
function here, seconds under load, and Cognito waits five for a trigger. Contents are known by
their hash; what is shared stays until the server ends.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
import threading
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ministack.core import lambda_runtime

_LAYER = re.compile(r"layer_\d+\.zip")
_lock = threading.Lock()


class _LayerFile(zipfile.ZipFile):
    """A zip file that, where it is a layer's, is unpacked by a link to its shared contents."""

    def __init__(self, file: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(file, *args, **kwargs)
        path = Path(file) if isinstance(file, str | Path) else None
        self._layer = path if path and _LAYER.fullmatch(path.name) else None

    def namelist(self) -> list[str]:
        """Of a layer nothing: its names are checked when it is unpacked, once."""
        return [] if self._layer else super().namelist()

    def extractall(self, path: Any = None, members: Any = None, pwd: bytes | None = None) -> None:
        if self._layer is None:
            super().extractall(path, members, pwd)
            return
        place = Path(path)
        place.rmdir()
        place.symlink_to(self._shared(self._layer), target_is_directory=True)

    def _shared(self, layer: Path) -> Path:
        """The folder with the layer's contents; unpacked by whoever asks first."""
        digest = hashlib.sha256(layer.read_bytes()).hexdigest()
        shared = Path(tempfile.gettempdir()) / f"shared-layer-{digest}"
        with _lock:
            if not shared.exists():
                unpacked = Path(tempfile.mkdtemp(prefix="shared-layer-"))
                names = super().namelist()
                for name in names:
                    if not (unpacked / name).resolve().is_relative_to(unpacked.resolve()):
                        raise RuntimeError(f"Zip entry escapes target dir: {name}")
                super().extractall(unpacked, names)
                unpacked.rename(shared)
        layer.unlink()
        return shared


def install() -> None:
    """Share unpacked layers among the functions that attach them."""
    if not hasattr(lambda_runtime.zipfile, "BadZipFile"):
        raise RuntimeError("MiniStack's Lambda runtime no longer unpacks with zipfile")
    lambda_runtime.zipfile = SimpleNamespace(**{**vars(zipfile), "ZipFile": _LayerFile})
