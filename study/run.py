"""The command line: ``twinspike``, ``python -m study`` or ``python -m study.run``.

Exit status: 0 all well; 1 some trials failed (the report is written and names them); 2 a mistake
in the call; 130 interrupted, 143 or 129 ended by a signal, which is taken as a Ctrl-C is: what was
begun is cleared away, and the same command goes on. Who reads what is printed may go away: the work
goes on, and the status is that of the work.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

from study import options, plugins, streams
from study.errors import UserError, unknown
from study.installation import program, require_own_packages

if TYPE_CHECKING:
    from study.request import Request

ENDINGS = ("SIGTERM", "SIGHUP")
EXAMPLES = """\
examples:
  {0} all                          every experiment, small (profile quick)
  {0} compare --seeds 5            one experiment, five seeds
  {0} surrogate --set slope=5,25   a setting with two values
  {0} compare --dataset mine.npz   your own data
  {0} compare --plugin mine.py     your own learners, data sets, experiments
  {0} list settings surrogate      what can be set, and what it means
  {0} status                       what is done, running, failed, missing

Running the same command again resumes: what is done is skipped.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    if arguments is None:
        streams.prepare()
    status = _told(words)
    if status == 0 and (problem := streams.lost()):
        streams.complain(f"error: standard output cannot be written ({problem})")
        return 2
    return status


def _told(words: list[str]) -> int:
    """Run one command and tell how it ended, where that is no traceback."""
    try:
        require_own_packages()
        with _ended_by_signals(), plugins.using(plugins.given(words)):
            return _execute(words)
    except UserError as mistake:
        streams.complain(f"error: {mistake}")
        return 2
    except KeyboardInterrupt as ending:
        streams.complain("interrupted; run the same command again to go on")
        return 128 + (ending.args[0] if ending.args else signal.SIGINT)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Take a signal to end as a Ctrl-C, which leaves nothing behind; only a main thread can."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, _frame: object) -> None:
        raise KeyboardInterrupt(number)

    numbers = [getattr(signal, name) for name in ENDINGS if hasattr(signal, name)]
    usual = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
    for number in usual:  # nohup, for one, has them ignored
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in usual:
            signal.signal(number, signal.SIG_DFL)


def _execute(words: list[str]) -> int:
    try:
        given = _parse(words)
        return given.run(given)
    except UserError:
        raise
    except Exception as problem:
        if (told := plugins.mistake(problem)) is None:
            raise
        raise told from problem


def _parse(arguments: list[str]) -> argparse.Namespace:
    from study import data, experiments, learners
    from study.trials import addresses

    for registry in (learners, data, addresses):
        registry.known()  # so that a mistake in a plug-in is told whatever the command
    parser = options.Parser(
        prog=program(),
        description="Spiking networks in two worlds, on the same data, in one report.",
        epilog=EXAMPLES.format(program()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=options.Version, help="version and hash of the code")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    shared = [options.trial_options()]
    titles = {name: experiment.TITLE for name, experiment in experiments.known().items()}
    if taken := {"all", *COMMANDS} & titles.keys():
        raise UserError(f"a plug-in calls an experiment {taken.pop()!r}, as a command is called")
    for name, title in {"all": "every experiment", **titles}.items():
        command = commands.add_parser(name, help=title.replace("%", "%%"), parents=shared)
        command.set_defaults(run=_run, experiment=name)
    for name, (run, add_options, what) in COMMANDS.items():
        command = commands.add_parser(name, help=what)
        add_options(command)
        command.set_defaults(run=run)
    _check_first(arguments, commands.choices)
    return parser.parse_args(arguments)


def _check_first(arguments: Sequence[str], commands: Iterable[str]) -> None:
    alone = ("-h", "--help", "--version")
    if arguments and arguments[0].startswith("-") and arguments[0] not in alone:
        raise UserError(
            f"{arguments[0]} stands before the command; options follow it, as in: "
            f"{program()} all --profile standard"
        )
    first = next((argument for argument in arguments if not argument.startswith("-")), None)
    if first is not None and first not in commands:
        raise unknown("command or experiment", first, commands)


def _run(given: argparse.Namespace) -> int:
    from study import commands

    return commands.run(given, _request(given))


def _request(given: argparse.Namespace) -> Request:
    from study import data, learners
    from study.request import Request
    from study.settings import design
    from study.settings.config import parse_setting, read_grid

    for name in given.learner:
        learners.find(name)
    from_file = read_grid(given.grid) if given.grid else ()
    return Request(
        profile=given.profile,
        n_seeds=given.seeds,
        datasets=tuple(data.parse(name) for name in given.dataset),
        learners=tuple(given.learner),
        settings=(*from_file, *(parse_setting(text) for text in given.settings)),
        design=design.check(given.design),
        plugins=tuple(given.plugin),
    )


def _status(given: argparse.Namespace) -> int:
    from study import commands

    return commands.status(given.out)


def _report(given: argparse.Namespace) -> int:
    from study import commands

    if given.lacking:
        return commands.untranslated(given.out)
    return commands.report(given.out, given.against, given.lang)


def _pack(given: argparse.Namespace) -> int:
    from study.trials.pack import pack

    streams.tell(str(pack(given.out)))
    return 0


def _bench(given: argparse.Namespace) -> int:
    from study.bench import biosim, gradsim

    return {"gradsim": gradsim, "biosim": biosim}[given.system].run(given)


def _list(given: argparse.Namespace) -> int:
    from study.listing import names as listing

    if given.what == "settings":
        return listing.settings(given.learner)
    if given.learner:
        raise UserError(f"list {given.what} takes no further name; see: list settings LEARNER")
    return listing.names(given.what)


def _data(given: argparse.Namespace) -> int:
    from study.data.reference import DataAccess
    from study.listing import names as listing

    access = DataAccess(given.data_dir, given.offline)
    return listing.data_sets(given.action, given.names, access)


Handler: TypeAlias = Callable[[argparse.Namespace], int]
Options: TypeAlias = Callable[[argparse.ArgumentParser], None]

COMMANDS: dict[str, tuple[Handler, Options, str]] = {
    "list": (_list, options.list_options, "experiments, data sets, learners, settings by name"),
    "data": (_data, options.data_options, "list, fetch or verify data sets"),
    "bench": (_bench, options.bench_options, "speed against peers, on this machine"),
    "status": (_status, options.status_options, "what is done, failed, running, and time left"),
    "report": (_report, options.report_options, "render the report again from the store"),
    "pack": (_pack, options.folder_option, "put all records of a run into one small file"),
}
"""Besides experiments: what runs, what it takes, and a line of help."""


if __name__ == "__main__":
    sys.exit(main())
