"""What the user asked for, the trials that follow from it, and the file that keeps both."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from study import data, learners, plugins
from study.data.reference import DatasetRef
from study.errors import UserError
from study.installation import program
from study.learning.contract import Pupil
from study.procedures.learning import PROCEDURE
from study.settings import design
from study.settings.config import Setting, configure, settings_of
from study.trials import plan as plans
from study.trials.files import MALFORMED, told_when_unusable, why, write_atomic
from study.trials.plan import Plan
from study.trials.reading import Rule, check, json_at, texts
from study.trials.trial import Trial

Config = TypeVar("Config")

Changes = Mapping[str, Any]

SEEDS = {"quick": 3, "standard": 5, "thesis": 3}
SEEDS_OF_WAYS = 3  # of each way of one learner, where there are many
PROFILES = tuple(SEEDS)
REQUEST_FILE = "request.json"
REAL_IMAGES = ("mnist", "fashion-mnist")  # in place of the embedded digits, in larger profiles


@dataclass(frozen=True)
class Request:
    """The options of one command.

    Parameters
    ----------
    profile
        ``quick``, ``standard`` or ``thesis``: how large each experiment is.
    n_seeds
        Replicates of each configuration; None means the profile's number.
    datasets
        Data sets in place of an experiment's own; empty means its own.
    learners
        Only these; empty means all.
    settings
        Overrides of configuration fields.
    design
        Which points of the grid of settings are run; see `study.settings.design.points`.
    plugins
        Files of plug-ins, as the command line names them.
    """

    profile: str = "quick"
    n_seeds: int | None = None
    datasets: tuple[DatasetRef, ...] = ()
    learners: tuple[str, ...] = ()
    settings: tuple[Setting, ...] = ()
    design: str = design.FULL
    plugins: tuple[str, ...] = ()

    @property
    def seeds(self) -> range:
        """The seeds of replicates."""
        return range(self.n_seeds or SEEDS[self.profile])

    def configure(self, config: Config, name: str) -> list[Config]:
        """Return ``config`` with the user's settings for ``name``; several values make a grid."""
        return configure(config, name, self.settings, self.design)

    def learning_trials(self, names: Sequence[str], own_datasets: Sequence[str]) -> list[Trial]:
        """Return the trials of learners on data sets: every combination that fits.

        Parameters
        ----------
        names
            Learners; those that the user excluded are left out.
        own_datasets
            Data sets of the experiment, used unless the user gave others. In profiles other than
            ``quick`` real images take the place of ``digits``.
        """
        datasets = self.datasets or tuple(
            DatasetRef(name) for own in own_datasets for name in self._sized(own)
        )
        return [
            trial
            for name in names
            if not self.learners or name in self.learners
            for dataset in fitting(name, datasets)
            for trial in self._replicates(name, dataset)
        ]

    def _sized(self, dataset: str) -> tuple[str, ...]:
        return REAL_IMAGES if dataset == "digits" and self.profile != "quick" else (dataset,)

    def _replicates(self, name: str, dataset: DatasetRef) -> list[Trial]:
        return [
            learning_trial(name, dataset, config, seed)
            for config in self.configure(self._preset(name, dataset), name)
            for seed in self.seeds
        ]

    def _preset(self, name: str, dataset: DatasetRef) -> Any:
        return learners.find(name).preset(self.profile, dataset.name)

    def varied_trials(
        self,
        name: str,
        ways: Callable[[str], Iterable[Changes]],
        base: Callable[[DatasetRef], Any] | None = None,
        own_datasets: Sequence[str] = ("digits",),
    ) -> list[Trial]:
        """Return trials of a learner with each of some changes, each trial once.

        There is one seed in the quick profile and `SEEDS_OF_WAYS` in others, unless the user says
        how many.

        Parameters
        ----------
        name
            Of the learner.
        ways
            From a data set's name to what each way changes.
        base
            From a data set to the configuration that is changed; if None the learner's preset.
        own_datasets
            As for `learning_trials`.
        """
        n_seeds = self.n_seeds or (1 if self.profile == "quick" else SEEDS_OF_WAYS)
        from_dataset = base or (lambda dataset: self._preset(name, dataset))
        plain = self.learning_trials([name], own_datasets)
        found = [
            learning_trial(name, dataset, dataclasses.replace(config, **changes), seed)
            for dataset in dict.fromkeys(trial.dataset for trial in plain)
            if dataset is not None
            for config in self.configure(from_dataset(dataset), name)
            for changes in ways(dataset.name)
            for seed in range(n_seeds)
        ]
        return list({trial.id: trial for trial in found}.values())

    def command(self, experiment: str) -> str:
        """Return the command line that runs an experiment with these options."""
        words = ["python", "-m", "study.run", experiment, "--profile", self.profile]
        words += ["--seeds", str(self.n_seeds)] if self.n_seeds else []
        words += ["--design", self.design] if self.design != "full" else []
        for option, values in (
            ("--dataset", [ref.path or ref.name for ref in self.datasets]),
            ("--learner", self.learners),
            ("--set", [str(setting) for setting in self.settings]),
        ):
            words += [option, *values] if values else []
        for path in self.plugins:
            words += ["--plugin", path]
        return shlex.join(words)

    def unfit(self, names: Collection[str]) -> list[str]:
        """Return a sentence for each of these learners and data set of the user's that do not fit.

        Data sets of plug-ins that are not known are left out.
        """
        return [
            f"{name} {entry.unfit(data.kind(dataset), data.task(dataset))}: it is not run "
            f"on {dataset.name}."
            for dataset in self.datasets
            if dataset.kind or dataset.name in data.known()
            for name, entry in learners.known().items()
            if name in names and not entry.fits(data.kind(dataset), data.task(dataset))
        ]


def fitting(name: str, datasets: Sequence[DatasetRef]) -> list[DatasetRef]:
    """Return the data sets that a learner can read and whose task it does."""
    entry = learners.find(name)
    return [one for one in datasets if entry.fits(data.kind(one), data.task(one))]


def learning_trial(name: str, dataset: DatasetRef, config: Any, seed: int) -> Trial:
    """Return the trial of a learner, which needs those of its teachers, if it has any."""
    teachers = config.teachers() if isinstance(config, Pupil) else ()
    needs = tuple(learning_trial(of, dataset, its, seed) for of, its in teachers)
    settings = settings_of(config)
    return Trial(PROCEDURE, name, dataset, settings, seed, learners.find(name).version, needs)


@dataclass(frozen=True)
class PluginName:
    """What is kept of a plug-in beside records: its name, never its code.

    Parameters
    ----------
    name, path, digest
        As of `study.plugins.Plugin`.
    """

    name: str
    path: str
    digest: str

    @staticmethod
    def of(told: Mapping[str, Any]) -> PluginName:
        """Return the name that a file tells of; TypeError or ValueError if it tells no such."""
        if not texts(list(told.values())):
            raise ValueError("a plug-in is told of in texts")
        return PluginName(**told)

    @property
    def remedy(self) -> str:
        """How to make it known."""
        if self.path.endswith(".py"):
            return f"a copy that you trust with --plugin {shlex.quote(self.path)}"
        return f"the package of {self.path}, installed"


@dataclass(frozen=True)
class Asked:
    """What a command asked for, as it is kept beside the records.

    Parameters
    ----------
    request
        The options.
    names
        The experiments.
    command
        The command line.
    plan
        The trials of these experiments, and of those that earlier commands in the same folder
        asked for; None where the file is from before plans were saved.
    plugins
        The plug-ins that they rest on.
    jobs
        How many trials the command runs at a time.
    """

    request: Request
    names: list[str]
    command: str
    plan: Plan | None = None
    plugins: tuple[PluginName, ...] = ()
    jobs: int = 1


def plugins_of(plan: Mapping[str, Sequence[Trial]]) -> tuple[PluginName, ...]:
    """Return the plug-ins that experiments or their trials are from."""
    names = {plugin.name for name in plan if (plugin := plugins.owner("EXPERIMENTS", name))}
    for trial in plans.all_trials(plan):
        names |= plugins.used_by(trial.subject, trial.dataset_name, trial.procedure).keys()
    return tuple(
        PluginName(plugin.name, plugin.path, plugin.digest)
        for plugin in plugins.in_use()
        if plugin.name in names
    )


def save(out: Path, asked: Asked) -> Asked:
    """Keep a request in a folder; return it with what earlier ones there planned besides.

    Raises
    ------
    UserError
        If the folder cannot be written.
    """
    before = _before(out, asked)
    plan = {**(before.plan or {}), **(asked.plan or {})}
    rest_on = {plugin.name: plugin for plugin in (*before.plugins, *asked.plugins)}
    saved = {
        "command": asked.command,
        "experiments": asked.names,
        "request": dataclasses.asdict(asked.request),
        "plan": plans.to_json(plan),
        "plugins": [dataclasses.asdict(plugin) for plugin in rest_on.values()],
        "jobs": asked.jobs,
    }
    with told_when_unusable(out):
        write_atomic(out / REQUEST_FILE, json.dumps(saved, indent=1).encode())
    return dataclasses.replace(asked, plan=plan, plugins=tuple(rest_on.values()))


def load(out: Path) -> Asked:
    """Return the last request in a folder.

    Raises
    ------
    UserError
        If there is none, or it is damaged.
    """
    with told_when_unusable(out):
        try:
            saved = json_at(out / REQUEST_FILE)
            check(saved, SAVED, "a request")
            plan = plans.from_json(saved["plan"]) if "plan" in saved else None
            rest_on = tuple(PluginName.of(plugin) for plugin in saved.get("plugins", ()))
            request = _parsed(saved["request"])
            names, jobs = saved["experiments"], int(saved.get("jobs", 1))
            return Asked(request, names, saved["command"], plan, rest_on, jobs)
        except (FileNotFoundError, NotADirectoryError):
            raise UserError(
                f"nothing was run in {out}. Start with: {program()} all --out {out}"
            ) from None
        except MALFORMED as problem:
            raise UserError(
                f"{out / REQUEST_FILE} is damaged ({why(problem)}). "
                "The same command that made it writes it anew; what is done is not run again."
            ) from None


def _before(out: Path, asked: Asked) -> Asked:
    """Return the last request in a folder, or this one where it is damaged or there is none."""
    try:
        return load(out)
    except UserError:
        return asked


SAVED: dict[str, Rule] = {
    "experiments": texts,
    "command": lambda told: isinstance(told, str),
    "request": lambda told: isinstance(told, dict),
}
ASKED: dict[str, Rule] = {
    "profile": lambda told: told in PROFILES,
    "n_seeds": lambda told: told is None or (isinstance(told, int) and told > 0),
    "learners": texts,
    "design": lambda told: isinstance(told, str),
    "plugins": texts,
}


def _parsed(fields: dict[str, Any]) -> Request:
    check({"design": design.FULL, "plugins": [], **fields}, ASKED, "a request")
    return Request(
        profile=fields["profile"],
        n_seeds=fields["n_seeds"],
        datasets=tuple(DatasetRef.of(ref) for ref in fields["datasets"]),
        learners=tuple(fields["learners"]),
        settings=tuple(
            Setting.of(entry["owner"], entry["key"], entry["values"])
            for entry in fields["settings"]
        ),
        design=fields.get("design", design.FULL),
        plugins=tuple(fields.get("plugins", ())),
    )
