"""Claims: of several commands on one store, on any hosts, one runs a trial and the others wait.

What is promised: at most one process holds the claim of a trial, and one that was killed holds
none: on its own machine at once, seen from another after `study.trials.life.STALE_SECONDS`.

A claim is a file ``.claim~TRIAL``, which can be created once. It names the sign of life of who made
it. Where that process is dead, the claim passes to whoever first creates ``.claim~TRIAL~TOKEN``,
with the token of the dead one, and so on: nothing is taken away from under the eyes of another,
which might take what a third one has just made for that of the dead. Who ends a chain takes it away
from its beginning; who has joined one meanwhile sees that it begins otherwise, and steps back.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from study.trials.files import LIFE, OWNED, create
from study.trials.life import Life, Watch, alive

PREFIX = ".claim~"


class Claims:
    """What this process has claimed in a folder; use `claiming`."""

    def __init__(self, folder: Path, life: Life) -> None:
        self._folder, self._life, self._watch = folder, life, Watch()
        self._signature = f"{life.path.name}/{secrets.token_hex(8)}"
        self._chains: dict[str, list[Path]] = {}

    def take(self, identity: str) -> bool:
        """Claim a trial; return whether it is now this process's to run.

        Raises
        ------
        OSError
            If the folder cannot be written.
        """
        chain: list[tuple[Path, str]] = []
        path = self._folder / f"{PREFIX}{identity}"
        while not self._created(path):
            owner = _owner(path)
            if owner is None or not self._is_dead(path, owner):
                return False
            chain.append((path, owner))
            path = self._folder / f"{PREFIX}{identity}~{_token(owner)}"
        if any(_owner(before) != owner for before, owner in chain):
            path.unlink(missing_ok=True)
            return False
        self._chains[identity] = [*(before for before, _ in chain), path]
        return True

    def release(self, identity: str) -> None:
        """Give a trial up, which is done or will not be; of one that was lost nothing changes."""
        chain = self._chains.pop(identity, [])
        if not chain or (chain[-1].with_name(f"{PREFIX}{identity}~{self._life.token}")).exists():
            return
        for path in chain:
            with suppress(OSError):
                path.unlink()

    def end(self) -> None:
        """Give up everything."""
        for identity in list(self._chains):
            self.release(identity)

    def remove_dead(self) -> None:
        """Take away the claims of processes that ended without a word."""
        found = defaultdict(list)
        for path in self._folder.glob(f"{PREFIX}*"):
            found[path.name.split("~")[1]].append(path)
        for identity, paths in found.items():
            if self.take(identity):
                for path in set(paths) - set(self._chains[identity]):
                    path.unlink(missing_ok=True)  # left over of a chain without a beginning
                self.release(identity)

    def _created(self, path: Path) -> bool:
        try:
            create(path, self._signature.encode())
        except FileExistsError:
            # Its own where a server that answered late was asked again.
            return _owner(path) == self._signature
        return True

    def _is_dead(self, path: Path, owner: str) -> bool:
        life = owner.partition("/")[0]
        named = OWNED.fullmatch(life)
        if named is None or named[1] != LIFE:  # it was killed before it had signed, or is signing
            return self._watch.is_still(path)
        return self._watch.is_dead(self._folder / life)


@contextmanager
def claiming(folder: Path) -> Iterator[Claims]:
    """Yield the claims of this process in a folder; those that it still holds are given up.

    Raises
    ------
    UserError
        If the folder cannot be written.
    """
    with alive(folder) as life:
        claims = Claims(folder, life)
        try:
            claims.remove_dead()
            yield claims
        finally:
            claims.end()


def _owner(path: Path) -> str | None:
    """Return who signed a claim: a sign of life and a random word; None without a claim."""
    try:
        return path.read_bytes().decode(errors="replace")
    except FileNotFoundError:
        return None
    except OSError:
        return ""


def _token(owner: str) -> str:
    named = OWNED.fullmatch(owner.partition("/")[0])
    return named[4] if named else ""
