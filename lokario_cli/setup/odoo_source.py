"""Odoo 19.0 itself: the folder named by ODOO_HOME, Debian's package, or a git clone, in this order."""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from ..console import Failure, say
from ..paths import cache
from .apt import PrivateApt, unpack

# The package this suite was tested with. With its checksum pinned the content is known, so the date of the
# suite's index need not be (mirrors of the moving suites can lag past Valid-Until); another version is taken
# only from a fresh, signed index.
SERIES = "19.0"
VERSION = "19.0.0+dfsg-1"
SHA256 = "9d2f598b0555db17e291d48ed24df184c70823c053c4c5ed53c467ca7f629bbf"
PACKAGE_SUITE = "sid"
LIBRARY_SUITE = "stable"
# Odoo's package links to these for fonts and scripts; they resolve all its links in this suite alone.
LIBRARIES = [
    "fonts-font-awesome",
    "fonts-inconsolata",
    "fonts-montserrat",
    "fonts-ocr-b",
    "fonts-roboto-unhinted",
    "libjs-jquery",
    "libjs-jquery-form",
    "libjs-underscore",
]
LANGUAGES = ("fr", "es", "de")
GIT_SOURCE = "https://github.com/odoo/odoo.git"


def home() -> Path:
    """The folder that holds the ``odoo`` package."""
    if named := os.environ.get("ODOO_HOME"):
        return Path(named)
    unpacked = _unpacked_folder()
    return unpacked / "usr/lib/python3/dist-packages" if (unpacked / "ready").exists() else _git_folder()


def is_there() -> bool:
    return series() == SERIES


def series() -> str:
    """The series of the Odoo in :func:`home` ("19.0"), "" when there is none."""
    release = home() / "odoo" / "release.py"
    text = release.read_text() if release.exists() else ""
    found = re.search(r"^version_info = \((\d+), (\d+),", text, re.MULTILINE)
    return ".".join(found.groups()) if found else ""


def what_is_wrong() -> str:
    """Why the Odoo of ODOO_HOME cannot be used."""
    held = f"Odoo {series()}" if series() else "no Odoo (odoo/release.py is missing)"
    return f"ODOO_HOME names {home()}, which holds {held}. Name a folder of Odoo {SERIES}, or unset it."


def fetch() -> None:
    """Bring Odoo 19.0 into the user's cache."""
    if os.environ.get("ODOO_HOME"):
        raise Failure(what_is_wrong())
    if shutil.which("apt-get") and shutil.which("dpkg-deb"):
        _fetch_package()
    else:
        _fetch_git()


def _unpacked_folder() -> Path:
    return cache() / f"odoo-{VERSION}"


def _git_folder() -> Path:
    return cache() / "odoo-git"


def _fetch_package() -> None:
    target = _unpacked_folder()
    shutil.rmtree(target, ignore_errors=True)
    package = _download_package()
    say(f"      unpacking {package.name}")
    translations = tuple(f"*/{folder}/*.po" for folder in ("i18n", "i18n_extra"))
    unpack(package, target, exclude=("./usr/lib/python3/dist-packages/addons", "*.egg-info", *translations))
    unpack(package, target, only=tuple(f"*/i18n/{language}.po" for language in LANGUAGES))
    libraries = PrivateApt(cache() / "apt", LIBRARY_SUITE)
    libraries.update()
    for library in libraries.download(LIBRARIES):
        unpack(library, target)
    _add_selfie_segmentation(target)
    (target / "ready").touch()


def _download_package() -> Path:
    """The pinned package by its checksum, else another version from an index that is fresh."""
    kept = cache() / "apt" / PACKAGE_SUITE / "debs" / f"odoo-19_{VERSION}_all.deb"
    if kept.exists() and _is_tested(kept):  # an earlier set-up was interrupted after the download
        return kept
    pinned = PrivateApt(cache() / "apt", PACKAGE_SUITE, check_date=False)
    pinned.update()
    candidate = pinned.candidate("odoo-19")
    if not candidate:
        raise Failure("Debian's mirror has no package odoo-19. Put Odoo 19.0 into a folder and name it in ODOO_HOME.")
    if candidate != VERSION:
        say(f"      Debian carries {candidate}, tested was {VERSION}: taken only from a fresh index")
        pinned = PrivateApt(cache() / "apt-fresh", PACKAGE_SUITE)
        pinned.update()
    say(f"      downloading odoo-19 {candidate} (122 MB)")
    [package] = pinned.download(["odoo-19"])
    if candidate == VERSION and not _is_tested(package):
        raise Failure("The downloaded odoo-19 package does not have the pinned checksum; it was not used.")
    return package


def _is_tested(package: Path) -> bool:
    with package.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest() == SHA256


def _add_selfie_segmentation(target: Path) -> None:
    """Debian left one script of the web client out; npm has it. Only video calls that blur the background use it."""
    script = target / "usr/lib/python3/dist-packages/odoo/addons/mail/static/lib/selfie_segmentation"
    script.mkdir(parents=True, exist_ok=True)
    script = script / "selfie_segmentation.js"
    work = cache() / "npm"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    npm = shutil.which("npm")
    if npm:
        packed = subprocess.run(
            [npm, "pack", "--silent", "@mediapipe/selfie_segmentation"], cwd=work, capture_output=True, text=True
        )
        for archive in work.glob("*.tgz") if not packed.returncode else ():
            subprocess.run(["tar", "-xzf", archive.name, "package/selfie_segmentation.js"], cwd=work, check=True)
            shutil.copy(work / "package/selfie_segmentation.js", script)
    if not script.exists():
        script.write_text("// Background blur is not available: npm was missing at set-up.\n")
    script.chmod(0o644)


def _fetch_git() -> None:
    target = _git_folder()
    shutil.rmtree(target, ignore_errors=True)
    command = ["git", "clone", "--depth", "1", "--branch", "19.0", GIT_SOURCE, str(target)]
    if not shutil.which("git") or subprocess.run(command).returncode:
        raise Failure("Odoo 19.0 could not be fetched. Put it into a folder and name that folder in ODOO_HOME.")
