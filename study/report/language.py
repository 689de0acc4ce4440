"""The finished report in another language: every text goes through one catalogue.

Experiments write English sentences with numbers in them and know nothing of this. A text is
looked up as a template: each value in it is replaced by ``{}``, and the catalogue, a file a group
in ``languages/CODE``, gives the sentence with ``{0} {1} ...`` where the values go. Nothing is
guessed: what is not in the catalogue stays English, is collected, and the report says so.

Look-ups are tried in this order, with values as in `study.report.values`, each with and without
the full stop at its end:

1. the whole text, without names;
2. the same with names of data sets as values, then of learners and cells too, then whatever else
   the trials name;
3. the same with lists of what the catalogue has under ``items`` (such as ``hidden neurons {}``)
   as one value, which is translated item by item;
4. its lines, then what stands between `` · ``, then its sentences, then what stands between
   ``; `` and between `` × ``, each from 1 on.

`lacking` lists what a report has no version of: ``python -m study.run report --lacking``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study import data, learners
from study.report.particles import agreed, without_semicolons
from study.report.values import PLACE, cumulated, item, lists, values

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure as Drawing
    from matplotlib.text import Text
    from matplotlib.ticker import Formatter

    from study.report.document import Report, TrialDetail

ENGLISH = "en"
CODES = (ENGLISH, "ko")
FOLDER = Path(__file__).parent / "languages"
TEMPLATES = Path(__file__).parent / "templates"
ITEMS = "items"  # group of the catalogue with what sentences list
NAMES = "names"  # group with names that are data and have a form of this language
WORDS = "words"  # group with what the templates say themselves

WORD = re.compile(r"[^\W\d_]{2,}")
NUMBERED = re.compile(r"\{(\d+)\}")  # place of a value in a translation
SENTENCE = r"(?<=[.?!]) (?=[A-Z–(-])"
PARTS = (("\n", "\n"), (" · ", " · "), (SENTENCE, " "), ("; ", "; "), (" × ", " × "))
"""Where a text that is not known whole is parted, in this order, and what joins the parts."""
FIXED_WORD = re.compile(
    r"""\bword\("(?P<typst>[^"]+)"|(?P<quote>["'])(?P<html>[^"']+)(?P=quote) \| tr\b"""
)
TRANSLATED = (
    "title", "subtitle", "question", "answer", "more", "basis", "notes", "summary",
    "summary_figure", "comparison", "sections", "deviations",
)  # fmt: skip
"""Keys of the context that are prose; trials, details, errors and provenance are data."""
KEPT = {"id", "name", "number", "command", "equations", "references", "widget"}
"""Keys inside them that are none."""
NOTE = "Sentences that have no version in this language yet and stand in English: {}."


class Language:
    """A catalogue at work on one report.

    Parameters
    ----------
    code
        ``en``, which leaves every text as it is, or ``ko``.
    names
        Names that are data, in groups; they stand for themselves in every language but for what
        the catalogue has under ``names``.
    """

    def __init__(self, code: str, names: Sequence[Iterable[str]] = ()) -> None:
        self.code = code
        self.missing: dict[str, str] = {}
        """Texts that stand in English, by their template."""
        groups = catalogue(code)
        self._items = groups.pop(ITEMS, {})
        self._names = groups.pop(NAMES, {})
        self._words = groups.get(WORDS, {})
        self._texts = {key: text for group in groups.values() for key, text in group.items()}
        known = cumulated(names)
        self._values = [values(some) for some in dict.fromkeys(map(frozenset, known))]
        self._one = item(self._items, known[-1])
        self._lists = lists(self._items, known[-1])
        self._known: dict[str, str] = {}

    def translate(self, text: str) -> str:
        """Return ``text`` in this language, or as it is where the catalogue lacks it."""
        if self.code == ENGLISH:
            return text
        if text not in self._known:
            self._known[text] = without_semicolons(self._translated(text))
        return self._known[text]

    def context(self, plain: Mapping[str, Any]) -> dict[str, Any]:
        """Return the context of `study.report.context.context` with its prose translated.

        A note counts what stands in English. ``words`` is added: the fixed words of the templates
        by the English ones, each of them known before anything is set.
        """
        done = {key: self._tree(plain[key]) if key in TRANSLATED else plain[key] for key in plain}
        made = (word for word in self._words if PLACE not in word)
        words = {word: self.translate(word) for word in (*fixed_words(), *made)}
        notes = [*done["notes"], *map(self.translate, self.notes())]
        cited = [self._reference(paper) for paper in plain["references"]]
        return {**done, "notes": notes, "words": words, "references": cited}

    def _reference(self, paper: Mapping[str, Any]) -> dict[str, Any]:
        """Return a paper of the list by the names that it has in its own language."""
        return {key: self._names.get(value, value) for key, value in paper.items()}

    def notes(self) -> list[str]:
        """Return a note, in English, on what stands in English; none where nothing does."""
        return [NOTE.format(len(self.missing))] if self.missing else []

    def draw(self, drawing: Drawing) -> None:
        """Translate every text of a figure, and give it a font that has the letters."""
        if self.code == ENGLISH:
            return
        from matplotlib.text import Text

        from study.report.fonts import figure_font

        families = ["DejaVu Sans", figure_font()]  # the first that has a letter sets it
        axes = [axis for ax in drawing.get_axes() for axis in (ax.xaxis, ax.yaxis)]
        told: set[Formatter] = set()
        for axis in axes:
            if axis.get_major_formatter() not in told:  # which twins and shared axes have in common
                self._name_ticks(axis)
            told.add(axis.get_major_formatter())
        ticks = {label for axis in axes for label in _labels(axis)}
        for artist in drawing.findobj(Text):
            assert isinstance(artist, Text)
            if artist not in ticks:
                artist.set_text(self.translate(artist.get_text()))
            artist.set_fontfamily(families)

    def _name_ticks(self, axis: Axis) -> None:
        """Translate the names of ticks; matplotlib would overwrite what is set on their labels."""
        named = [tick.get_text() for tick in axis.get_ticklabels()]
        told = [self.translate(name) for name in named]
        if told != named:
            axis.set_ticks(axis.get_ticklocs(), told)

    def _tree(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.translate(value)
        if isinstance(value, list):
            return [self._tree(item) for item in value]
        if isinstance(value, dict):
            own = "numeric" in value  # a column of a table: its name is a heading
            return {
                key: item if key in KEPT and not (own and key == "name") else self._tree(item)
                for key, item in value.items()
            }
        return value

    def _translated(self, text: str) -> str:
        if text in self._names:
            return self._names[text]
        for pattern in self._values:
            key = pattern.sub(PLACE, text)
            if version := self._version(key):
                return self._filled(version, pattern.findall(text))
        if not WORD.search(key):  # values and symbols: nothing is left to say
            return text
        listed = self._lists.sub(PLACE, text)
        if version := self._version(listed):
            found = [self._one.sub(self._item, value) for value in self._lists.findall(text)]
            return self._filled(version, found)
        for separator, join in PARTS:
            parts = re.split(separator, text)
            if len(parts) > 1:
                return join.join(map(self.translate, parts))
        self.missing[key] = text
        return text

    def _version(self, key: str) -> str | None:
        """Return the text of a template; a sentence may be known as a part, without full stop."""
        bare = key.removesuffix(".")
        if key not in self._texts and bare in self._texts:
            return f"{self._texts[bare]}."
        return self._texts.get(key)

    def _item(self, found: re.Match[str]) -> str:
        for pattern in self._values:
            key = pattern.sub(PLACE, found[0])
            if key in self._items:
                return self._filled(self._items[key], pattern.findall(found[0]))
        return found[0]

    def _filled(self, translation: str, found: Sequence[str]) -> str:
        told = [", ".join(self._names.get(n, n) for n in value.split(", ")) for value in found]
        return agreed(NUMBERED.sub(lambda place: told[int(place[1])], translation))


def of(report: Report) -> Language:
    """Return the language of a report, with the names that its trials bring."""
    return Language(report.language, () if report.language == ENGLISH else names(report))


def names(report: Report) -> tuple[set[str], set[str], set[str]]:
    """Return the names of data sets, of learners and cells, and what else has a name of its own."""
    data_sets = {detail.dataset for detail in report.details if detail.dataset} | {*data.known()}
    subjects = {detail.subject for detail in report.details} | {*learners.known()}
    cells = {str(detail.config["cell"]) for detail in report.details if "cell" in detail.config}
    return data_sets, subjects | cells, {name for d in report.details for name in _others(d)}


def _others(detail: TrialDetail) -> Iterator[str]:
    for value in (*detail.config.values(), *detail.metrics.values()):
        if isinstance(value, list | tuple):
            yield from (item for item in value if isinstance(item, str) and item)
    if cpu := detail.provenance.get("cpu"):
        yield str(cpu)


def catalogue(code: str) -> dict[str, dict[str, str]]:
    """Return the groups of a catalogue: texts by template; nothing for English."""
    if code == ENGLISH:
        return {}
    files = sorted((FOLDER / code).glob("*.json"))
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in files}


def fixed_words() -> list[str]:
    """Return the words that the templates have translated: ``"..." | tr`` and ``word("...")``."""
    sources = [path.read_text(encoding="utf-8") for path in sorted(TEMPLATES.iterdir())]
    found = [word for source in sources for word in FIXED_WORD.finditer(source)]
    return list(dict.fromkeys(word["html"] or word["typst"] for word in found))


def _labels(axis: Axis) -> list[Text]:
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    return [label for tick in ticks for label in (tick.label1, tick.label2)]


def lacking(report: Report, code: str) -> dict[str, str]:
    """Return what a report has no version of in a language: texts by template."""
    from study.report.context import context

    found = Language(code, names(report))
    for figure in report.figures:
        found.draw(figure.drawing)
    found.context(context(report))
    return found.missing
