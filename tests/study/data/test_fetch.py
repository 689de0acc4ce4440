"""Data files are found however they are packed, and downloads are whole or absent."""

from __future__ import annotations

import gzip
import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from study import data
from study.data import fetch
from study.data.fetch import Mirror, RemoteFile
from study.data.reference import DataAccess, DatasetRef
from study.errors import UserError

CONTENT = b"spikes" * 1000


def md5(content: bytes) -> str:
    return f"md5:{hashlib.md5(content).hexdigest()}"


def zipped(name: str, content: bytes = CONTENT) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("__MACOSX/._file.h5", b"not the file")
        archive.writestr(name, content)
    return buffer.getvalue()


PACKED = {
    "file.h5": CONTENT,
    "file.h5.gz": gzip.compress(CONTENT),
    "file.h5.zip": zipped("folder/file.h5"),
}


def remote(*mirrors: Mirror, checksum: str | None = md5(CONTENT)) -> RemoteFile:
    return RemoteFile("tiny", "file.h5", mirrors, checksum, by_hand="Ask the authors for it")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(fetch, "cache_folder", lambda: tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "tiny"
    folder.mkdir(parents=True)
    return folder


def read(file: RemoteFile, tmp_path: Path) -> bytes:
    with fetch.contents([file], DataAccess(tmp_path / "data")) as ([content], checksum):
        found = content.stream.read()
    assert checksum == hashlib.sha256(found).hexdigest()
    return found


@pytest.mark.parametrize("name", PACKED)
@pytest.mark.parametrize("checksum", [md5(CONTENT), None])
def test_a_file_may_lie_packed_or_not(tmp_path, folder, name: str, checksum: str | None) -> None:
    (folder / name).write_bytes(PACKED[name])
    assert read(remote(checksum=checksum), tmp_path) == CONTENT


@pytest.mark.parametrize(
    ("name", "packed", "problem"),
    [
        ("file.h5", CONTENT[:-1], "has the content md5:"),
        ("file.h5.gz", PACKED["file.h5.gz"][:-9], "cannot be unpacked"),
        ("file.h5.gz", gzip.compress(b"other"), "has the content md5:"),
        ("file.h5.gz", b"", "has the content md5:"),
        ("file.h5.zip", PACKED["file.h5.zip"][:-9], "cannot be unpacked"),
        ("file.h5.zip", zipped("file.h5", b"other"), "has the content md5:"),
        ("file.h5.zip", zipped("other.h5"), "it holds no file.h5"),
    ],
    ids=[
        "short", "short gzip", "other gzip", "empty gzip", "short zip", "other zip", "other name"
    ],  # archives hold the time, and names of tests must not
)  # fmt: skip
def test_damage_is_told_with_file_checksum_and_remedy(
    tmp_path, folder, name: str, packed: bytes, problem: str
) -> None:
    (folder / name).write_bytes(packed)
    file = remote(Mirror("https://a.org/file.h5.gz", "md5:0"))
    with pytest.raises(UserError) as told:
        read(file, tmp_path)
    for part in (
        str(folder / name),
        problem,
        md5(CONTENT),
        "Delete it",
        "https://a.org/file.h5.gz",
    ):
        assert part in str(told.value)


def test_an_archive_that_becomes_too_large_is_told(tmp_path, folder, monkeypatch) -> None:
    (folder / "file.h5.gz").write_bytes(PACKED["file.h5.gz"])
    monkeypatch.setattr(fetch, "LARGEST", len(CONTENT) - 1)
    with pytest.raises(UserError, match=r"cannot be unpacked .it becomes more than"):
        read(remote(), tmp_path)


def test_without_a_home_folder_nothing_is_kept_in_the_working_one(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(fetch, "cache_folder", lambda: Path("~/.cache/twinspike/data"))
    monkeypatch.chdir(tmp_path)
    file = remote(Mirror("https://a.org/file.h5.gz", "md5:0"))
    with pytest.raises(UserError, match=r"(?s)no home folder.*XDG_CACHE_HOME"):
        fetch.locate(file, DataAccess())
    assert not list(tmp_path.iterdir())


def test_a_file_that_may_not_be_read_is_told(tmp_path, folder, monkeypatch) -> None:
    path = folder / "file.h5.gz"
    path.write_bytes(PACKED["file.h5.gz"])

    def locked(self: Path, *_args: str) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", locked)
    with pytest.raises(UserError, match=f"(?s){path} cannot be read .Permission denied.*Ask the"):
        read(remote(), tmp_path)


def test_files_are_closed_when_a_later_one_is_missing(tmp_path, folder) -> None:
    # An open file would be told by ResourceWarning, which is an error here.
    (folder / "file.h5").write_bytes(CONTENT)
    absent = RemoteFile("tiny", "absent.h5", (), None, "Make it")
    access = DataAccess(tmp_path / "data")
    with (
        pytest.raises(UserError, match=r"tiny/absent\.h5"),
        fetch.contents([remote(), absent], access),
    ):
        pass


def test_a_missing_file_offline_says_where_to_get_it() -> None:
    with pytest.raises(UserError, match=r"(?s)--offline.*Get it from https://.*--data-dir"):
        data.load(DatasetRef("mnist"), DataAccess(offline=True))


def test_a_file_without_address_says_how_to_make_it() -> None:
    with pytest.raises(UserError, match=r"(?s)no download address.*layout of the official SHD.*"
                       r"FOLDER/hd-spikes/hd_spikes_train\.h5"):  # fmt: skip
        data.load(DatasetRef("hd-spikes"), DataAccess())


@pytest.fixture
def server(monkeypatch) -> Iterator[str]:
    """A server on this machine that offers the packed files and `broken.h5.gz`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = PACKED.get(self.path[1:])
            if self.path == "/broken.h5.gz":
                content = PACKED["file.h5.gz"][:-9]
            self.send_response(200 if content else 404)
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_args: object) -> None:
            pass

    monkeypatch.setenv("NO_PROXY", "*")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.mark.parametrize("good", PACKED)
def test_mirrors_may_differ_in_packing_and_the_first_whole_one_is_kept(
    server, tmp_path, cache, good: str
) -> None:
    file = remote(
        Mirror(f"{server}/nowhere/file.h5", md5(CONTENT)),
        Mirror(f"{server}/broken.h5.gz", md5(PACKED["file.h5.gz"])),
        Mirror(f"{server}/{good}", md5(PACKED[good])),
    )
    assert read(file, tmp_path) == CONTENT
    assert [path.name for path in (cache / "tiny").iterdir()] == [good]


def test_when_no_mirror_is_whole_nothing_is_left_behind(server, tmp_path, cache) -> None:
    urls = [f"{server}/nowhere.h5", f"{server}/broken.h5.gz"]
    file = remote(*(Mirror(url, md5(PACKED["file.h5.gz"])) for url in urls))
    with pytest.raises(UserError, match=rf"(?s)could not download.*{urls[0]}.*{urls[1]}.*place it"):
        read(file, tmp_path)
    assert not [path for path in cache.rglob("*") if path.is_file()]


def test_addresses_end_in_names_that_are_found_again(tmp_path, cache) -> None:
    for entry in data.DATASETS.values():
        for file in entry.files() if entry.files else []:
            assert file.mirrors or file.by_hand
            for mirror in file.mirrors:
                name = mirror.url.rpartition("/")[2]
                assert name.removeprefix(file.name) in fetch.PACKINGS
