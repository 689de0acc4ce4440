"""Finds a data file in the user's folders or downloads it, and opens its checked content.

Whatever lies at the place of a file, and wherever its cache would be, it ends with the content or a
`UserError`: an unpacked file is bounded in size, and where no home folder is known nothing is
looked for or kept in a cache.
"""

from __future__ import annotations

import gzip
import hashlib
import lzma
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

import pooch

from study.data.reference import DataAccess
from study.errors import UserError

PACKINGS = ("", ".gz", ".zip")
BLOCK = 1 << 20  # bytes read at a time
LARGEST = 16 << 30  # bytes of an unpacked file
UNPACKING_ERRORS = (
    EOFError, zlib.error, lzma.LZMAError, struct.error, gzip.BadGzipFile, zipfile.BadZipFile,
    RuntimeError, ValueError, OverflowError,
)  # fmt: skip
"""What damaged archives raise."""


@dataclass(frozen=True)
class Mirror:
    """A download address.

    Parameters
    ----------
    url
        Its suffix tells the packing: ``.gz``, ``.zip`` or none.
    checksum
        Of the file as downloaded, such as ``"md5:..."``.
    """

    url: str
    checksum: str


@dataclass(frozen=True)
class RemoteFile:
    """A data file, however it is packed.

    Parameters
    ----------
    folder, name
        Where it lies in a data folder: ``FOLDER/NAME/file name``. ``name`` is that of the
        unpacked file; a packed copy has ``.gz`` or ``.zip`` appended.
    mirrors
        Tried in order. Empty for a file that can only be placed by hand.
    checksum
        Of the unpacked content, ``"sha256:..."`` or ``"md5:..."``, so that a re-packed copy
        passes. None where none is published.
    by_hand
        What the file is, for one without mirrors.
    """

    folder: str
    name: str
    mirrors: tuple[Mirror, ...]
    checksum: str | None
    by_hand: str = ""

    def remedy(self) -> str:
        """Return how to obtain the file, as one sentence."""
        source = f"Get it from {self.mirrors[0].url}" if self.mirrors else self.by_hand
        return (
            f"{source} and place it as FOLDER/{self.folder}/{self.name} (or .gz, .zip), "
            "FOLDER given by --data-dir or SNN_DATA_DIR."
        )


@dataclass(frozen=True)
class Content:
    """The unpacked content of a data file, with the published checksum if there is one."""

    remote: RemoteFile
    path: Path
    stream: IO[bytes]

    def refuse(self, problem: str) -> UserError:
        """Return the error for content that is not what it should be."""
        return _damaged(self.remote, self.path, problem)


def cache_folder() -> Path:
    """Return the folder that downloads go to; no absolute one where no home folder is known."""
    return Path(pooch.os_cache("twinspike")) / "data"


def find(remote: RemoteFile, access: DataAccess) -> Path | None:
    """Return the first copy in the data folders or the cache, packed or not, or None."""
    cache = cache_folder()
    for folder in [*access.folders(), *([cache] if cache.is_absolute() else [])]:
        for packing in PACKINGS:
            path = folder / remote.folder / f"{remote.name}{packing}"
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
    if not remote.mirrors:
        problem = "is in no data folder and has no download address"
    elif access.offline:
        problem = "is in no data folder and --offline forbids the download"
    else:
        return _download(remote)
    raise UserError(f"data file {remote.folder}/{remote.name} {problem}.\n{remote.remedy()}")


def _download(remote: RemoteFile) -> Path:
    folder = cache_folder() / remote.folder
    if not folder.is_absolute():
        raise UserError(
            f"{remote.folder}/{remote.name} cannot be kept: no home folder is known here, and "
            f"XDG_CACHE_HOME is not set.\nSet it, or: {remote.remedy()}"
        )
    problems = []
    for mirror in remote.mirrors:
        name = PurePosixPath(mirror.url).name
        try:
            # Writes to a temporary file, renamed once its checksum is right.
            return Path(pooch.retrieve(mirror.url, mirror.checksum, fname=name, path=str(folder)))
        except (OSError, ValueError) as error:
            problems.append(f"{mirror.url}: {type(error).__name__}")
    raise UserError(
        f"could not download {remote.folder}/{remote.name} ({'; '.join(problems)}).\n"
        f"{remote.remedy()}"
    )


@contextmanager
def contents(
    remotes: Sequence[RemoteFile], access: DataAccess
) -> Iterator[tuple[list[Content], str]]:
    """Open the content of all files of a data set; also give the SHA-256 over all of it.

    Raises
    ------
    UserError
        If a file is missing and may not be downloaded, cannot be read or unpacked, or has another
        checksum than the published one.
    """
    everything = hashlib.sha256()
    with ExitStack() as stack:
        opened = []
        for remote in remotes:
            path = locate(remote, access)
            try:
                stream = stack.enter_context(_unpacked(path, remote.name))
                found = _digest(stream, remote.checksum, everything)
            except UNPACKING_ERRORS as error:
                raise _damaged(remote, path, f"cannot be unpacked ({error})") from None
            except OSError as error:
                raise UserError(
                    f"data file {path} cannot be read ({error.strerror or error}).\n"
                    f"Mend that, or: {remote.remedy()}"
                ) from None
            if found != remote.checksum:
                raise _damaged(remote, path, f"has the content {found}")
            opened.append(Content(remote, path, stream))
        yield opened, everything.hexdigest()


@contextmanager
def _unpacked(path: Path, name: str) -> Iterator[IO[bytes]]:
    if path.name == name:
        with path.open("rb") as stream:
            yield stream
        return
    with tempfile.TemporaryFile() as target:
        if path.suffix == ".gz":
            with path.open("rb") as packed, gzip.open(packed) as source:
                _copy(source, target)
        else:
            with zipfile.ZipFile(path) as archive, archive.open(_member(archive, name)) as source:
                _copy(source, target)
        target.seek(0)
        yield target


def _copy(source: IO[bytes] | gzip.GzipFile, target: IO[bytes]) -> None:
    size = 0
    while block := source.read(BLOCK):
        size += target.write(block)
        if size > LARGEST:
            raise zipfile.BadZipFile(f"it becomes more than {LARGEST} bytes")


def _member(archive: zipfile.ZipFile, name: str) -> str:
    for member in archive.namelist():
        if PurePosixPath(member).name == name:
            return member
    raise zipfile.BadZipFile(f"it holds no {name}")


def _digest(stream: IO[bytes], published: str | None, everything: hashlib._Hash) -> str | None:
    """Return the checksum of a stream in the form of the published one, and rewind."""
    algorithm = published.partition(":")[0] if published else None
    digest = hashlib.new(algorithm) if algorithm else None
    while block := stream.read(BLOCK):
        everything.update(block)
        if digest:
            digest.update(block)
    stream.seek(0)
    return f"{algorithm}:{digest.hexdigest()}" if digest else None


def _damaged(remote: RemoteFile, path: Path, problem: str) -> UserError:
    expected = f"; expected {remote.checksum}" if remote.checksum else ""
    return UserError(f"data file {path} {problem}{expected}.\nDelete it. {remote.remedy()}")
