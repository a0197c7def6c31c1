"""Folders of attachments. Odoo's filestore is content-addressed and its files never change
(`ir_attachment._file_write` only opens a path that does not exist, the collector only unlinks),
so instances may share the files of their template by hard links."""

import contextlib
import errno
import os
import re
import shutil
import subprocess
import uuid
from pathlib import Path

from ..exceptions import DatabaseExists

GIVING = 0b1011  # CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER: linux/capability.h
TRASH = ".removed-"
NOT_LINKED = {"checklist"}  # the collector's to-do list belongs to one database


def may_give_files():
    """Whether this process may give files to other users, and remove theirs: root, or a service that was allowed to."""
    status = Path("/proc/self/status").read_text()
    held = int(re.search(r"^CapEff:\s*(\w+)", status, re.MULTILINE).group(1), 16)
    return held & GIVING == GIVING


class Filestore:
    """The folder that holds one sub-folder per database."""

    def __init__(self, root):
        self.root = Path(root)

    def path(self, name):
        """The folder of database ``name``."""
        return self.root / name

    def clone(self, source, target):
        """Give ``target`` the files of ``source`` for the price of their names.

        :return: number of files
        :raise DatabaseExists: when the folder exists
        """
        origin, copy = self.path(source), self.path(target)
        if copy.exists():
            raise DatabaseExists(str(copy))
        if not origin.exists():
            return 0
        return self._link_tree(origin, copy)

    def _link_tree(self, origin, copy):
        copy.mkdir(parents=True)
        count = 0
        with os.scandir(origin) as entries:
            for entry in entries:
                if entry.name in NOT_LINKED:
                    continue
                target = copy / entry.name
                if entry.is_dir(follow_symlinks=False):
                    count += self._link_tree(Path(entry.path), target)
                else:
                    _link(entry.path, target)
                    count += 1
        return count

    def remove(self, name):
        """Remove the folder of ``name``; the rename makes it disappear at once.

        Done again after an interruption it finishes what is left.
        :return: whether there was something to remove
        """
        with contextlib.suppress(FileNotFoundError):
            self.path(name).rename(self.root / f"{TRASH}{name}~{uuid.uuid4().hex}")
        removed = list(self.root.glob(f"{TRASH}{name}~*"))
        for trash in removed:
            shutil.rmtree(trash)
        return bool(removed)


class Homes(Filestore):
    """The folder that holds one home per instance, each with a data folder of Odoo: filestore, sessions, tmp."""

    def home(self, name):
        """Everything that the process of ``name`` may write to."""
        return self.root / name

    def path(self, name):
        """The folder of attachments of database ``name``."""
        return self.home(name) / "filestore" / name

    def adopt(self, origin, name):
        """Give ``name`` a home with the files of the template, whose folder is ``origin``."""
        if self.home(name).exists():
            raise DatabaseExists(str(self.home(name)))
        for folder in ("filestore", "sessions", "tmp"):
            (self.home(name) / folder).mkdir(parents=True)
        return self._link_tree(origin, self.path(name)) if origin.exists() else 0

    def give(self, name, uid):
        """Make the folders those of ``uid``. The files stay ours: others share them, and nobody writes into them."""
        if uid:
            for folder, _folders, _files in os.walk(self.home(name)):
                os.chown(folder, uid, uid)
                os.chmod(folder, 0o700)

    def remove(self, name):
        """Remove the home of ``name``, as far as it is there."""
        there = self.home(name).exists()
        shutil.rmtree(self.home(name), ignore_errors=not there)
        return there


def _link(source, target):
    """A hard link, or what comes next: a reflink, or a copy, on another file system."""
    try:
        os.link(source, target)
    except OSError as err:
        if err.errno not in {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP}:
            raise
        subprocess.run(["/bin/cp", "--reflink=auto", "--", source, os.fspath(target)], check=True)
