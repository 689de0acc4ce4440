"""The words of the command line: what each command takes."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import Any, NoReturn

from study.errors import UserError
from study.installation import how_to_install

ADDRESS = re.compile(
    r"((tcp|tls|ws|wss|ucx)://)?(\[[0-9a-fA-F:.%]+\]|[^\s/:@\[\]]+):(?P<port>\d{1,5})"
)


class Parser(argparse.ArgumentParser):
    """Tells a mistake in the call as a `UserError`."""

    def error(self, message: str) -> NoReturn:
        """Refuse the call."""
        raise UserError(f"{message}\nSee: {self.prog} --help")


class Version(argparse.Action):
    """Prints the version and ends; to find it out takes a while, so not before it is asked for."""

    def __init__(self, **named: Any) -> None:
        super().__init__(nargs=0, **named)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        """Print it."""
        from study.trials import provenance

        print(f"twinspike {provenance.code_version()}")  # noqa: T201
        parser.exit()


def trial_options() -> Parser:
    """Return what every command takes that runs trials."""
    from study.request import PROFILES

    options = Parser(add_help=False)
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
    add(
        "--rerun",
        choices=("stale",),
        help="stale: run again what other code or libraries than today's have made; an old record "
        "stays until the new one is there",
    )
    add(
        "--portable",
        action="store_true",
        help="the same bits on every x86-64 processor with AVX2: libraries use no wider vectors",
    )
    scheduler_option(options)
    _settings_options(options)
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
    language_option(options)
    plugin_option(options)
    return options  # fmt: skip


def _settings_options(options: argparse.ArgumentParser) -> None:
    add = options.add_argument
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


def scheduler_option(options: argparse.ArgumentParser) -> None:
    """Add where a cluster is."""
    options.add_argument(
        "--scheduler",
        type=_address,
        metavar="ADDRESS",
        help="Dask scheduler, as in tcp://host:8786, or tls:// with certificates (see the README)",
    )


def language_option(options: argparse.ArgumentParser) -> None:
    """Add the language of the report."""
    from study.report.language import CODES, ENGLISH

    options.add_argument(
        "--lang", default=ENGLISH, choices=CODES, help="language of the report (default: en)"
    )


def plugin_option(options: argparse.ArgumentParser) -> None:
    """Add the files of plug-ins, which `study.plugins.given` has read before."""
    options.add_argument(
        "--plugin",
        action="append",
        default=[],
        metavar="FILE.py",
        help="learners, data sets, experiments of your own; may be given again (see the README)",
    )


def _address(text: str) -> str:
    found = ADDRESS.fullmatch(text)
    if found is None or not 0 < int(found["port"]) < 1 << 16:
        raise argparse.ArgumentTypeError(
            f"expected the address of a Dask scheduler, as in tcp://host:8786, not {text!r}"
        )
    return text


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


def list_options(command: argparse.ArgumentParser) -> None:
    """Add those of ``list``."""
    command.add_argument(
        "what",
        nargs="?",
        choices=("experiments", "datasets", "learners", "settings"),
        help="default: the first three",
    )
    command.add_argument("learner", nargs="?", metavar="LEARNER", help="whose settings")
    plugin_option(command)


def data_options(command: argparse.ArgumentParser) -> None:
    """Add those of ``data``."""
    command.add_argument("action", nargs="?", default="list", choices=("list", "fetch", "verify"))
    command.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    command.add_argument("--data-dir", type=Path, metavar="DIR")
    command.add_argument("--offline", action="store_true", help="never download")
    plugin_option(command)


def folder_option(command: argparse.ArgumentParser) -> None:
    """Add the folder of a report."""
    command.add_argument("--out", type=Path, default=Path("reports/quick"), metavar="DIR")


def status_options(command: argparse.ArgumentParser) -> None:
    """Add those of ``status``."""
    folder_option(command)
    plugin_option(command)


def report_options(command: argparse.ArgumentParser) -> None:
    """Add those of ``report``."""
    status_options(command)
    command.add_argument(
        "--against", type=Path, metavar="DIR", help="show what changed since the run in DIR"
    )
    command.add_argument(
        "--lacking", action="store_true", help="only list what has no version in other languages"
    )
    language_option(command)


def bench_options(command: argparse.ArgumentParser) -> None:
    """Add those of ``bench``."""
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
    gradsim.epilog = f"What is measured where it is installed: {how_to_install('bench')}"
    biosim.add_argument(
        "--python",
        nargs="+",
        action="extend",
        default=[],
        metavar="PEER=FILE",
        help="interpreter of an environment that has a peer, as in bindsnet=env/bin/python; "
        "peers that pin versions are never installed next to this project",
    )
