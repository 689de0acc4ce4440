"""What is run and what comes back: trials, their identity, and their records.

A trial is data only. Its ``procedure`` names the pure function that runs it, so that a trial can
be sent to another process or host and its identity is the hash of its canonical JSON. Names are
looked up in `study.trials.addresses`: where code stands is no part of an identity.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import numpy as np

from study.data.reference import DataAccess, DatasetRef
from study.errors import UserError
from study.streams import printable
from study.trials import addresses
from study.trials.kept import ARRAYS, KeptFile, unpacked_arrays

Held = TypeVar("Held")

Progress = Callable[[float, str], None]
"""Called with the fraction done (0..1) and a short note; simulators never draw anything."""


def no_progress(_fraction: float, _note: str) -> None:
    """Ignore progress."""


@dataclass(frozen=True)
class Trial:
    """One unit of work.

    Parameters
    ----------
    procedure
        Its name in `study.trials.addresses`, or ``"module:function"`` of a user's own; it takes
        ``(trial, context)`` and returns an `Outcome`.
    subject
        Name of what is run: a learner, a neuron, a rule, a control. In JSON and tables, which are
        older than the others, it is called ``learner``.
    dataset
        Data set, or None where the procedure needs none.
    config
        Every setting of the procedure as JSON values; see `study.settings.config`.
    seed
        The one seed from which every random number of the trial descends.
    version
        Raised by the author of the procedure whenever results would change.
    needs
        Trials whose records the procedure reads. They run first.

    Examples
    --------
    >>> Trial("study.procedures.learning:run", "linear", DatasetRef("digits"), {}, seed=0).label
    'linear · digits · seed 0'
    """

    procedure: str
    subject: str
    dataset: DatasetRef | None
    config: Mapping[str, Any]
    seed: int
    version: int = 1
    needs: tuple[Trial, ...] = ()

    def canonical(self) -> dict[str, Any]:
        """Return everything that determines the result, as JSON values."""
        return {
            "procedure": self.procedure,
            "learner": self.subject,
            "dataset": self.dataset.canonical() if self.dataset else None,
            "config": dict(self.config),
            "seed": self.seed,
            "version": self.version,
            "needs": [trial.id for trial in self.needs],
        }

    @cached_property
    def id(self) -> str:
        """The first 16 hex digits of the SHA-256 of the canonical JSON."""
        return canonical_hash(self.canonical())

    @cached_property
    def config_id(self) -> str:
        """Like `id`, without the seed: equal for the replicates of one configuration."""
        canonical = self.canonical()
        del canonical["seed"]
        canonical["needs"] = [trial.config_id for trial in self.needs]
        return canonical_hash(canonical)

    @property
    def dataset_name(self) -> str:
        """Name of the data set; empty where there is none."""
        return self.dataset.name if self.dataset else ""

    @property
    def label(self) -> str:
        """A short name for people."""
        parts = [self.subject, self.dataset_name, f"seed {self.seed}"]
        return " ".join(printable(" · ".join(part for part in parts if part)).split())

    def resolve(self) -> Callable[[Trial, Context], Outcome]:
        """Import the procedure."""
        return addresses.resolve(self.procedure)


CANONICAL = ("procedure", "learner", "dataset", "config", "seed", "version", "needs")
"""The keys of `Trial.canonical`."""


@dataclass(frozen=True)
class Unread(Trial):
    """A needed trial of which no more is known than its identity, since its record is not kept."""

    identity: str = ""

    @cached_property
    def id(self) -> str:
        """The identity under which another trial names it."""
        return self.identity

    @cached_property
    def config_id(self) -> str:
        """The identity too, for want of a better one."""
        return self.identity


def unread(identity: str) -> Unread:
    """Return the trial of an identity, with nothing else known of it."""
    return Unread("unread", "", None, {}, 0, identity=identity)


def from_canonical(
    fields: Mapping[str, Any], needs: Sequence[Trial], dataset: DatasetRef | None
) -> Trial:
    """Return the trial that `Trial.canonical` told of, read back from JSON.

    Parameters
    ----------
    fields
        The canonical fields; others are ignored.
    needs
        The trials of ``fields["needs"]``.
    dataset
        The data set of ``fields["dataset"]``.

    Raises
    ------
    KeyError
        If a field is missing.
    """
    return Trial(
        fields["procedure"],
        fields["learner"],
        dataset,
        {key: _tuples(value) for key, value in fields["config"].items()},
        fields["seed"],
        fields["version"],
        tuple(needs),
    )


def _tuples(value: Any) -> Any:
    """Return JSON's lists as the tuples that configurations have."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def canonical_hash(value: Any) -> str:
    """Return 16 hex digits of the SHA-256 of ``value`` as canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Outcome:
    """What a procedure computed.

    Parameters
    ----------
    metrics
        Numbers (and short lists of numbers) for the table; JSON values.
    arrays
        Arrays that figures need, kept beside the record as ``.npz``.
    files
        Whole files by suffix, such as ``{"network.nir": bytes}``, kept beside the record.
    """

    metrics: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Context:
    """What a procedure may use besides its trial.

    Parameters
    ----------
    data
        Where data sets may lie and whether downloads are allowed.
    needs
        Outcomes of ``trial.needs``, in that order.
    progress
        To be called now and then with the fraction done.
    """

    data: DataAccess = field(default_factory=DataAccess)
    needs: tuple[Outcome, ...] = ()
    progress: Progress = no_progress


class Lacking(KeyError):
    """A record lacks a measure or an array, as one that older code made may."""

    def __init__(self, trial: str, name: str) -> None:
        super().__init__(trial, name)
        self.trial, self.name = trial, name

    def __str__(self) -> str:
        return f"trial {self.trial} has no {self.name}"


class Damaged(Lacking):
    """The arrays of a record are there and cannot be read."""


class Kept(dict[str, Held]):
    """What a record holds by name; to ask for what it lacks raises `Lacking`."""

    def __init__(self, trial: str, held: Mapping[str, Held]) -> None:
        super().__init__(held)
        self.trial = trial

    def __missing__(self, name: str) -> NoReturn:
        raise Lacking(self.trial, name)


@dataclass(frozen=True)
class Record:
    """A trial that was run: what the store holds and what experiments draw from.

    A metric or an array that is not there raises `Lacking`, which names the trial. ``kept`` has the
    files beside it by suffix, each with its digest; None in a record from before there were any.
    """

    trial: Trial
    status: str  # "done" or "failed"
    metrics: Mapping[str, Any]
    error: Mapping[str, str] | None
    provenance: Mapping[str, Any]
    folder: Path
    kept: Mapping[str, KeptFile] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "metrics", Kept(self.trial.id, self.metrics))

    @property
    def done(self) -> bool:
        """Whether the trial succeeded."""
        return self.status == "done"

    @property
    def whole(self) -> bool:
        """Whether all files of the outcome are kept, as they are not in a packed store."""
        return not self.provenance.get("files_left_out")

    @property
    def gone(self) -> list[str]:
        """The files that it names and that are not there any more."""
        return [f.name for f in self.named.values() if not (self.folder / f.name).exists()]

    @property
    def named(self) -> Mapping[str, KeptFile]:
        """The files that it names, by suffix; of arrays in an older record, what is there."""
        if self.kept is not None:
            return self.kept
        suffixes = self.provenance.get("files")
        if suffixes is None:  # a record from before files were named
            suffixes = self._suffixes()
        there = [ARRAYS] if (self.folder / f"{self.trial.id}.{ARRAYS}").exists() else []
        return {suffix: KeptFile(f"{self.trial.id}.{suffix}") for suffix in [*suffixes, *there]}

    def is_damaged(self, limit: int | None = None) -> bool:
        """Whether a file that it names is gone or is not what was written.

        Parameters
        ----------
        limit
            Larger files, in bytes, are not read for it: their size tells. None means all are.
        """
        return any(file.is_damaged(self.folder, limit) for file in self.named.values())

    @property
    def arrays(self) -> Kept[np.ndarray]:
        """All arrays of the outcome; see `read_arrays`."""
        return self.read_arrays()

    def read_arrays(self, names: Collection[str] | None = None) -> Kept[np.ndarray]:
        """Return arrays of the outcome, read from disk: those of these names, or all.

        Raises
        ------
        Damaged
            If they are damaged, or named and gone.
        """
        file = self.named.get(ARRAYS)
        if file is None:
            return Kept(self.trial.id, {})
        try:
            return Kept(self.trial.id, unpacked_arrays(file.content(self.folder), names))
        except Exception:  # whatever a damaged file may raise
            remedy = "the command that ran the trial runs it again"
            raise Damaged(self.trial.id, f"arrays that can be read ({remedy})") from None

    def outcome(self) -> Outcome:
        """Return the whole outcome, read from disk.

        Raises
        ------
        UserError
            If its files were left out of a packed store.
        Lacking, OSError, ValueError
            If files are damaged or gone.
        """
        if not self.whole:
            left_out = ", ".join(self.provenance["files_left_out"])
            raise UserError(
                f"{left_out} of trial {self.trial.id} is not kept in a packed store: the trial has "
                "to be run again"
            )
        files = {
            suffix: file.content(self.folder)
            for suffix, file in self.named.items()
            if suffix != ARRAYS
        }
        return Outcome(dict(self.metrics), dict(self.arrays), files)

    def _suffixes(self) -> list[str]:
        prefix = f"{self.trial.id}."
        found = [path.name.removeprefix(prefix) for path in self.folder.glob(f"{prefix}*")]
        return [suffix for suffix in found if suffix not in {"json", ARRAYS}]
