"""The command line: ``python -m study.run``.

Exit status: 0 all well; 1 some trials failed (the report is written and names them); 2 a mistake
in the call; 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from study.errors import UserError, unknown

if TYPE_CHECKING:
    from study.request import Request

EXAMPLES = """\
examples:
  python -m study.run all                          every experiment, small (profile quick)
  python -m study.run compare --seeds 5            one experiment, five seeds
  python -m study.run surrogate --set slope=5,25   a setting with two values
  python -m study.run compare --dataset mine.npz   your own data
  python -m study.run status                       what is done, running, failed, missing

Running the same command again resumes: what is done is skipped.
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}\nSee: {self.prog} --help")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    try:
        options = _parse(sys.argv[1:] if arguments is None else list(arguments))
        status = options.run(options)
        sys.stdout.flush()  # here, where a reader that has gone is no error
        return status
    except UserError as mistake:
        print(f"error: {mistake}", file=sys.stderr)  # noqa: T201
        return 2
    except KeyboardInterrupt:
        print("interrupted; run the same command again to go on", file=sys.stderr)  # noqa: T201
        return 130
    except BrokenPipeError:
        # The reader (head, less) has gone; nothing is left to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    from study import experiments

    parser = _Parser(
        prog="python -m study.run",
        description="Spiking networks in two worlds, on the same data, in one report.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    trial_options = _trial_options()
    for name in ["all", *experiments.names()]:
        title = "every experiment" if name == "all" else experiments.load(name).TITLE
        command = commands.add_parser(name, help=title, parents=[trial_options])
        command.set_defaults(run=_run, experiment=name)
    _add_list(commands)
    _add_data(commands)
    _add_bench(commands)
    for name, run, help_text in (
        ("status", _status, "what is done, failed, running and missing, and the time left"),
        ("report", _report, "render the report again from the store"),
    ):
        command = commands.add_parser(name, help=help_text)
        command.add_argument("--out", type=Path, default=Path("reports/quick"), metavar="DIR")
        command.set_defaults(run=run)
    commands.choices["report"].add_argument(
        "--against", type=Path, metavar="DIR", help="show what changed since the run in DIR"
    )
    commands.choices["report"].add_argument(
        "--lacking", action="store_true", help="only list what has no version in other languages"
    )
    _add_language(commands.choices["report"])
    command = commands.add_parser("pack", help="put all records of a run into one small file")
    command.add_argument("--out", type=Path, default=Path("reports/quick"), metavar="DIR")
    command.set_defaults(run=_pack)
    first = next((argument for argument in arguments if not argument.startswith("-")), None)
    if arguments and arguments[0].startswith("-") and arguments[0] not in ("-h", "--help"):
        raise UserError(
            f"{arguments[0]} stands before the command; options follow it, as in: "
            "python -m study.run all --profile standard"
        )
    if first is not None and first not in commands.choices:
        raise unknown("command or experiment", first, commands.choices)
    words = f"python -m study.run {shlex.join(arguments)}"
    return parser.parse_args(arguments, argparse.Namespace(command=words))


def _trial_options() -> _Parser:
    from study.request import PROFILES

    options = _Parser(add_help=False)
    add = options.add_argument
    add(
        "--profile",
        default="quick",
        choices=PROFILES,
        help="how large each experiment is (default: quick)",
    )
    add("--out", type=Path, metavar="DIR", help="folder of the report (default: reports/PROFILE)")
    add(
        "--jobs",
        type=_positive,
        default=os.cpu_count() or 1,
        metavar="N",
        help="processes (default: one a core)",
    )
    add("--seeds", type=_positive, metavar="K", help="replicates (default: the profile's)")
    add(
        "--dataset",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME|FILE.npz",
        help="data sets in place of each experiment's own; see: list datasets",
    )
    add(
        "--learner",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME",
        help="only these learners; see: list learners",
    )
    add("--data-dir", type=Path, metavar="DIR", help="folder that holds data sets")
    add("--offline", action="store_true", help="never download")
    add("--dry-run", action="store_true", help="print the numbered list of trials and stop")
    add("--scheduler", metavar="ADDRESS", help="Dask scheduler, as in tcp://host:8786")
    add(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        dest="settings",
        metavar="KEY=VALUE",
        help="override a setting: [LEARNER.]KEY=VALUE; several values, a,b, make a grid",
    )
    add(
        "--grid",
        type=Path,
        metavar="FILE.toml",
        help="settings from a file, lists are axes, [LEARNER] tables; --set overrides it",
    )
    add(
        "--design",
        default="full",
        metavar="full|fraction|random:N",
        help="which points of a grid to run: all, a regular fraction (one in as many as the "
        "shortest axis has values, where three or more vary), or N drawn with a fixed seed "
        "(default: full)",
    )
    add(
        "--time-limit",
        type=_positive_number,
        metavar="SECONDS",
        help="end a trial that takes longer, and record it as failed (default: none)",
    )
    add(
        "--memory-limit",
        type=_positive_number,
        metavar="MB",
        help="end a trial that holds more, and record it as failed (default: the largest, when "
        "all together hold nine tenths of the memory)",
    )
    _add_language(options)
    return options  # fmt: skip


def _add_language(options: argparse.ArgumentParser) -> None:
    from study.report.language import CODES, ENGLISH

    options.add_argument(
        "--lang", default=ENGLISH, choices=CODES, help="language of the report (default: en)"
    )


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, not {text!r}")
    return int(text)


def _positive_number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, not {text!r}")
    return value


def _add_list(commands: argparse._SubParsersAction[_Parser]) -> None:
    command = commands.add_parser("list", help="experiments, data sets or learners by name")
    command.add_argument(
        "what",
        nargs="?",
        choices=("experiments", "datasets", "learners"),
        help="default: all three",
    )
    command.set_defaults(run=_list)


def _add_data(commands: argparse._SubParsersAction[_Parser]) -> None:
    command = commands.add_parser("data", help="list, fetch or verify data sets")
    command.add_argument("action", nargs="?", default="list", choices=("list", "fetch", "verify"))
    command.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    command.add_argument("--data-dir", type=Path, metavar="DIR")
    command.add_argument("--offline", action="store_true", help="never download")
    command.set_defaults(run=_data)


def _add_bench(commands: argparse._SubParsersAction[_Parser]) -> None:
    command = commands.add_parser("bench", help="speed against peers, on this machine")
    systems = command.add_subparsers(dest="system", metavar="gradsim|biosim", required=True)
    gradsim = systems.add_parser("gradsim", help="a training step")
    biosim = systems.add_parser("biosim", help="a presentation to Diehl & Cook's network")
    for system, quick in (
        (gradsim, "one round at one size: minutes in place of a quarter of an hour"),
        (biosim, "one round with 100 neurons: minutes in place of half an hour"),
    ):
        system.add_argument(
            "--out", type=Path, metavar="DIR", help="folder of bench.csv (default: reports/bench)"
        )
        system.add_argument(
            "--peers",
            nargs="+",
            metavar="NAME",
            help="only these peers (default: all that are installed)",
        )
        system.add_argument("--quick", action="store_true", help=quick)
    gradsim.epilog = "What is measured where it is installed: pip install '.[bench]'"
    biosim.add_argument(
        "--python",
        nargs="+",
        action="extend",
        default=[],
        metavar="PEER=FILE",
        help="interpreter of an environment that has a peer, as in bindsnet=env/bin/python; "
        "peers that pin versions are never installed next to this project",
    )
    command.set_defaults(run=_bench)


def _run(options: argparse.Namespace) -> int:
    from study import commands

    return commands.run(options, _request(options), options.command)


def _request(options: argparse.Namespace) -> Request:
    from study import data, design
    from study.config import parse_setting, read_grid
    from study.learners import LEARNERS
    from study.request import Request

    for name in options.learner:
        if name not in LEARNERS:
            raise unknown("learner", name, LEARNERS)
    from_file = read_grid(options.grid) if options.grid else ()
    return Request(
        profile=options.profile,
        n_seeds=options.seeds,
        datasets=tuple(data.parse(name) for name in options.dataset),
        learners=tuple(options.learner),
        settings=(*from_file, *(parse_setting(text) for text in options.settings)),
        design=design.check(options.design),
    )


def _status(options: argparse.Namespace) -> int:
    from study import commands

    return commands.status(options.out)


def _report(options: argparse.Namespace) -> int:
    from study import commands

    if options.lacking:
        return commands.untranslated(options.out)
    return commands.report(options.out, options.against, options.lang)


def _pack(options: argparse.Namespace) -> int:
    from study.trials.pack import pack

    print(pack(options.out))  # noqa: T201
    return 0


def _bench(options: argparse.Namespace) -> int:
    from study.bench import biosim, gradsim

    return {"gradsim": gradsim, "biosim": biosim}[options.system].run(options)


def _list(options: argparse.Namespace) -> int:
    from study import listing

    return listing.names(options.what)


def _data(options: argparse.Namespace) -> int:
    from study import listing
    from study.data.reference import DataAccess

    access = DataAccess(options.data_dir, options.offline)
    return listing.data_sets(options.action, options.names, access)


if __name__ == "__main__":
    sys.exit(main())
