"""Finds a data file in the user's folders or downloads it, checked, into the cache."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pooch

from study.data.reference import DataAccess
from study.errors import UserError


@dataclass(frozen=True)
class RemoteFile:
    """A published file.

    Parameters
    ----------
    folder, filename
        Where it lies in a data folder: ``FOLDER/NAME/upstream file name``.
    urls
        Mirrors, tried in order.
    packed_md5
        Published MD5 of the file as downloaded; checked on a temporary file.
    content_sha256
        SHA-256 of the unpacked content, so that a re-packed copy passes too.
    """

    folder: str
    filename: str
    urls: tuple[str, ...]
    packed_md5: str
    content_sha256: str


def cache_folder() -> Path:
    """Return the folder that downloads go to."""
    return Path(pooch.os_cache("twinspike")) / "data"


def find(remote: RemoteFile, access: DataAccess) -> Path | None:
    """Return the first copy in the data folders or the cache, or None."""
    for folder in [*access.folders(), cache_folder()]:
        path = folder / remote.folder / remote.filename
        if path.is_file():
            return path
    return None


def locate(remote: RemoteFile, access: DataAccess) -> Path:
    """Return a local copy, downloading it unless that is forbidden.

    Raises
    ------
    UserError
        If the file is nowhere and cannot or may not be downloaded.
    """
    found = find(remote, access)
    if found:
        return found
    if access.offline:
        raise UserError(
            f"data file {remote.folder}/{remote.filename} is in no data folder and --offline "
            f"forbids the download.\n{_remedy(remote)}"
        )
    return _download(remote)


def _download(remote: RemoteFile) -> Path:
    folder = cache_folder() / remote.folder
    problems = []
    for url in remote.urls:
        try:
            return Path(
                pooch.retrieve(
                    url, f"md5:{remote.packed_md5}", fname=remote.filename, path=str(folder)
                )
            )
        except (OSError, ValueError) as error:
            problems.append(f"{url}: {type(error).__name__}")
    raise UserError(
        f"could not download {remote.folder}/{remote.filename} ({'; '.join(problems)}).\n"
        f"{_remedy(remote)}"
    )


def damaged(path: Path, problem: str, remote: RemoteFile) -> UserError:
    """Return the error for a file whose content is not the published one."""
    return UserError(
        f"data file {path} {problem}; expected SHA-256 {remote.content_sha256}.\n"
        f"Delete it and fetch it again from {remote.urls[0]}"
    )


def _remedy(remote: RemoteFile) -> str:
    return (
        f"Get it from {remote.urls[0]} and place it as "
        f"FOLDER/{remote.folder}/{remote.filename}, FOLDER given by --data-dir or SNN_DATA_DIR."
    )
