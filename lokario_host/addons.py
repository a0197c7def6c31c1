"""Which modules an instance's process finds: Odoo's own, and what its template names besides."""

import shutil
from pathlib import Path

from odoo.modules.module import Manifest, MissingDependency

import odoo.addons
import odoo.addons.base
import odoo.addons.web

COPIED = shutil.ignore_patterns("tests", "__pycache__")


def own_folders() -> list[str]:
    """Where Odoo's own modules lie."""
    return sorted({str(Path(module.__file__).parents[1]) for module in (odoo.addons.base, odoo.addons.web)})


def with_dependencies(modules) -> dict[str, Manifest]:
    """These modules and all that they need, as far as this machine has them."""
    pending, found = list(modules), {}
    while pending:
        name = pending.pop()
        manifest = None if name in found else Manifest.for_addon(name, display_warning=False)
        if manifest:
            found[name] = manifest
            pending += manifest["depends"]
    return found


def installed_beside(modules) -> dict[str, Manifest]:
    """These modules, all that they need, and what Odoo installs automatically beside them, one country's aside."""
    found = with_dependencies(modules)
    others = {one.name: one for one in Manifest.all_addon_manifests() if _installs_automatically(one)}
    while coming := [name for name in others.keys() - found.keys() if others[name]["auto_install"] <= found.keys()]:
        found |= with_dependencies(coming)
    return found


def _installs_automatically(manifest: Manifest) -> bool:
    if not manifest["auto_install"] or not manifest["installable"] or manifest["countries"]:
        return False
    try:
        manifest.check_manifest_dependencies()
    except MissingDependency:
        return False
    return True


def copy_others(modules, folder: Path) -> list[str]:
    """Copy those of the modules that are not Odoo's own below ``folder``; returns their addons folders, one for each.

    The folder of the suite may lie where instances cannot read, and holds what is not for them.
    """
    folders, own = [], own_folders()
    for name, manifest in sorted(with_dependencies(modules).items()):
        if str(Path(manifest.path).parent) in own:
            continue
        target = folder / name
        if not target.exists():
            part = folder / f"{name}.part"
            shutil.rmtree(part, ignore_errors=True)
            shutil.copytree(manifest.path, part / name, ignore=COPIED)
            for path in (part, *part.rglob("*")):
                path.chmod(0o755 if path.is_dir() else 0o644)
            part.rename(target)
        folders.append(str(target))
    return folders


def show(folders: list[str]) -> None:
    """Let this process find Odoo's own modules and those in these folders, whatever else is installed here."""
    odoo.addons.__path__ = [*own_folders(), *folders]
