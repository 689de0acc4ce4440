import dataclasses
import json
import re
from base64 import b64encode
from datetime import UTC, datetime
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure as Drawing
from pypdf import PdfReader

from study.analysis.basis import basis
from study.analysis.section import Figure, Section, Table
from study.analysis.stats import INTERVAL
from study.report import html, pdf
from study.report.context import context
from study.report.document import FailedTrial, Report, TrialDetail
from study.report.equations import mathml
from study.report.html import SCRIPTS
from study.report.render import render
from study.trials.trial import Record, Trial

HOSTILE = (
    "<script>owned()</script> #import \"x\" $ x $ *b* _i_ `c` 'a' & </style> {{ 7*7 }} @ref //c"
)
LONG = "withoutanyspaces" * 20
CONTROL = "\x1b[31mred\x00\ud800"
COMMAND = "python -m study.run all --dataset '<x>.npz'"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"/>'
VOID = {"meta", "link", "img", "br", "hr", "input", "mspace"}


def figure(name: str, alt: str = "A line that rises from zero to one.") -> Figure:
    drawing = Drawing(figsize=(4, 2), layout="constrained")
    drawing.subplots().plot([0, 1], [0, 1], label="rise")
    return Figure(name, drawing, "A line rises.", alt, "n = 2 · seed 0")


@pytest.fixture(scope="module")
def report() -> Report:
    section = Section(
        name="dynamics",
        title="Dynamics",
        question="Does the membrane decay?",
        method=f"Exact steps. {HOSTILE} {LONG}",
        equations=('tau_"mem" (dif U)/(dif t) = -U + R I', "Delta w = A e^(-Delta t\\/tau)"),
        figures=(figure("membrane", HOSTILE), figure("current")),
        tables=(Table(HOSTILE, ("what", "value"), (("a", "1.5"), (HOSTILE, "−2"), (LONG, "–"))),),
        findings=("It decays.", HOSTILE),
        caveats=("One neuron.",),
        deviations=("Currents instead of conductances.",),
        references=("neftci2019",),
        command="python -m study.run dynamics",
    )
    return Report(
        title="What each kind of learning buys",
        subtitle="A test",
        command=COMMAND,
        profile="quick",
        created=datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        summary=Table(
            "Learners", ("learner", "accuracy"), (("linear", "90.1 %"), (HOSTILE, "8 %"))
        ),
        summary_figure=figure("summary"),
        sections=(section, Section("empty", "Nothing yet", "Why?", "None.")),
        failures=(FailedTrial(HOSTILE, "abc123", "ValueError", HOSTILE + CONTROL, "line\n" * 40),),
        trial_columns=("trial", "dataset", "seed", "test_accuracy", "config.note"),
        trial_rows=[("1f", "digits", 0, 0.5, None), ("2e", HOSTILE, 10, float("nan"), LONG)],
        details=[
            TrialDetail(
                "linear · seed 0",
                "1f",
                "c1",
                "dynamics",
                "done",
                0,
                "linear",
                "",
                {"config-slope": 25.0},
                {},
                {"cpu": None},
                {"accuracy": (0.25, 0.5, 0.75)},
            ),
            TrialDetail(
                f"{HOSTILE} · seed 10",
                "2e",
                "c2",
                HOSTILE,
                "done",
                10,
                HOSTILE,
                "",
                {HOSTILE: HOSTILE},
                {},
                {},
            ),
        ],
        provenance={"libraries": {"numpy": "2.3", HOSTILE: [1, 2]}, "cpu": None},
        notes=("No compiler found.", HOSTILE),
    )


class Page(HTMLParser):
    """Checks nesting and collects elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in {"script", "style"}:
            self.text += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.elements if name == tag]


@pytest.fixture(scope="module")
def rendered(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report")
    render(report, out)
    return out


@pytest.fixture(scope="module")
def page(rendered: Path) -> Page:
    return Page((rendered / "report.html").read_text(encoding="utf-8"))


def pdf_text(path: Path) -> str:
    text = " ".join(page.extract_text() for page in PdfReader(path).pages)
    return " ".join(text.replace("\u200b", "").split())


def test_a_report_is_a_page_a_pdf_and_two_pictures_a_figure(rendered: Path):
    assert sorted(path.relative_to(rendered).as_posix() for path in rendered.rglob("*.*")) == [
        *sorted(
            f"figures/{n}.{s}" for n in ("current", "membrane", "summary") for s in ("png", "svg")
        ),
        "report.html",
        "report.pdf",
    ]


def test_the_page_nests_and_the_checker_notices_when_it_does_not(page: Page):
    assert page.open == []
    with pytest.raises(AssertionError):
        Page("<p><b></p></b>")


def test_ids_are_unique_and_every_link_has_its_target(page: Page):
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    links = [attrs["href"] for attrs in page.named("a")]
    inner = [link[1:] for link in links if link is not None and link.startswith("#")]
    assert set(inner) <= set(ids)
    assert {"figure-membrane", "table-1", "trial-2e", "reference-1"} <= set(inner)
    outer = [link for link in links if link is None or not link.startswith("#")]
    assert outer == ["https://doi.org/10.1109/MSP.2019.2931595"]


def test_the_page_refers_to_nothing_outside(page: Page):
    # Links to papers are followed when a reader asks for it; nothing else leads out.
    sources = [attrs["src"] for _, attrs in page.elements if "src" in attrs]
    assert all(source is not None and source.startswith("data:") for source in sources)
    leading = {tag for tag, attrs in page.elements if {"href", "action", "srcset"} & attrs.keys()}
    assert leading == {"a"}
    assert "http" not in "".join(attrs["src"] or "" for attrs in page.named("img")).replace(
        "http://www.w3.org/2000/svg", ""
    )
    policy = next(
        attrs["content"] for attrs in page.named("meta") if attrs.get("http-equiv") is not None
    )
    assert policy is not None
    assert "default-src 'none'" in policy


def test_every_picture_has_its_alternative_text(page: Page):
    alts = [attrs["alt"] for attrs in page.named("img")]
    assert alts == [
        "A line that rises from zero to one.",
        HOSTILE,
        "A line that rises from zero to one.",
    ]


def test_text_of_users_is_never_markup_in_html(page: Page):
    assert len(page.named("script")) == len(SCRIPTS)
    assert len(page.named("style")) == 1
    # Command and cells, caption, notes, findings, failure: each as it was given.
    assert page.text.count(HOSTILE) >= 7
    assert "'<x>.npz'" in page.text


def test_the_policy_allows_the_scripts_of_the_page_and_no_others(rendered: Path):
    text = (rendered / "report.html").read_text(encoding="utf-8")
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    hashes = [b64encode(sha256(script.encode()).digest()).decode() for script in scripts]
    policy = re.search(r"script-src ([^;]*);", text)
    assert policy is not None
    assert policy[1].split() == [f"'sha256-{digest}'" for digest in hashes]


def test_the_report_and_each_section_name_the_command_that_makes_them_once(page: Page):
    assert page.text.count(COMMAND) == 1
    assert page.text.count("python -m study.run dynamics") == 1


def test_findings_come_first_with_a_link_to_their_figure(page: Page):
    told = page.text
    finding = told.index("It decays.")
    assert told.index("Does the membrane decay?") < finding < told.index("Method, numbers and")
    assert "#figure-membrane" in {a["href"] for a in page.named("a")}


def test_a_sentence_of_the_answer_leads_to_its_figure_and_the_rest_is_folded(
    report: Report, tmp_path: Path
):
    shown = {"It is so.": "summary", "It is not.": report.sections[0].figures[0].name}
    answer = (*shown, "Nobody drew it.")
    render(
        dataclasses.replace(report, answer=answer, shown_by=shown, more=("One more.",)), tmp_path
    )
    page = (tmp_path / "report.html").read_text()
    first = page[page.index('<div class="answer">') : page.index("</div>")]
    assert re.findall(
        r'<p>([^<]*?)(?: <a class="shown" href="#([^"]*)">[^<]*</a>)?</p>', first
    ) == [
        ("It is so.", "figure-summary"),
        ("It is not.", f"figure-{shown['It is not.']}"),
        ("Nobody drew it.", ""),
    ]
    assert "<li>One more.</li>" in page
    told = " ".join(pdf_text(tmp_path / "report.pdf").split())
    assert "It is so. (Figure 1)" in told
    assert "One more." in told


def test_what_stands_first_has_plain_numbers_and_the_supplement_its_own(report: Report):
    section = context(report)["sections"][0]
    assert section["figure"]["number"] == "2"  # after that of the summary
    assert [figure["number"] for figure in section["figures"]] == ["S1"]
    assert section["leading"] == list(report.sections[0].findings[:3])
    assert not set(section["leading"]) & set(section["findings"])


def test_every_trial_can_be_inspected(page: Page):
    assert "config-slope25" in page.text
    assert "0.25 → 0.75" in page.text
    (line,) = [attrs["points"] for attrs in page.named("polyline")]
    assert line == "0.0,90.0 150.0,45.0 300.0,0.0"
    assert "trial-1f" in {attrs.get("id") for attrs in page.named("details")}


def many(report: Report, n: int, n_failed: int) -> Report:
    failed = FailedTrial("l", "t", "ValueError", "no", "trace")
    return dataclasses.replace(
        report,
        sections=(),
        summary=None,
        summary_figure=None,
        trial_rows=[(f"t{i}", "digits", i, 0.5, None) for i in range(n)],
        details=[
            TrialDetail(
                f"l · seed {i}", f"t{i}", "c", "grid", "failed" if i >= n - n_failed else "done", i,
                "l", "", {"slope": i}, {}, {}, error=failed if i >= n - n_failed else None,
            )
            for i in range(n)
        ],
    )  # fmt: skip


def test_a_page_of_too_many_trials_says_so_and_keeps_those_that_failed(report: Report):
    text = html.page(context(many(report, html.LISTED + 500, 3)), {})
    shown = re.findall(r'<details class="trial" id="trial-t(\d+)">', text)
    assert len(shown) == html.LISTED
    assert {str(html.LISTED + 500 - k) for k in (1, 2, 3)} < set(shown)
    assert f"This page lists {html.LISTED} of {html.LISTED + 500} trials" in text


def test_a_page_of_few_trials_lists_them_all_in_their_order(report: Report):
    text = html.page(context(many(report, 20, 3)), {})
    assert re.findall(r'id="trial-t(\d+)"', text) == [str(i) for i in range(20)]
    assert "This page lists" not in text


def test_a_comparison_stands_before_the_experiments_and_in_the_contents(report: Report):
    other = Section("compared", "Against another run", "What changed?", "Pairs.")
    compared = dataclasses.replace(
        report, comparison=other, sections=report.sections[1:], summary_figure=None
    )
    text = html.page(context(compared), {})
    assert 0 < text.index('<section id="section-0-compared"') < text.index("Nothing yet</h2>")
    assert "section-0-compared" in {(a["href"] or "")[1:] for a in Page(text).named("a")}


def test_fixed_words_are_translated(report: Report):
    shouted = {**context(report), "translate": str.upper}
    page = Page(html.page(shouted, dict.fromkeys(("membrane", "current", "summary"), SVG)))
    assert "METHOD, NUMBERS AND EVERYTHING ELSE" in page.text
    assert "Method, numbers and everything else" not in page.text
    assert "It decays." in page.text


def test_text_of_users_is_never_markup_in_pdf(rendered: Path):
    text = pdf_text(rendered / "report.pdf")
    assert "#import" in text
    assert "*b* _i_ `c`" in text
    assert "$ x $" in text


def test_control_characters_and_lone_surrogates_are_replaced(page: Page):
    assert "\ufffd[31mred\ufffd\ufffd" in page.text


def test_the_pdf_has_pages_title_contents_and_all_parts(rendered: Path):
    path = rendered / "report.pdf"
    reader = PdfReader(path)
    assert len(reader.pages) >= 3
    assert reader.metadata is not None
    assert reader.metadata.title == "What each kind of learning buys"
    text = pdf_text(path)
    assert text.startswith("What each kind of learning buys")
    for part in ("Summary", "Contents", "Dynamics", "Failed trials", "All trials", "Provenance"):
        assert part in text
        assert any(part in entry.title for entry in reader.outline) or part == "Contents"


def test_words_longer_than_a_line_are_broken(rendered: Path):
    text = "\n".join(page.extract_text() for page in PdfReader(rendered / "report.pdf").pages)
    pieces = [run for run in text.replace("\u200b", "").split() if "outanyspac" in run]
    assert pieces
    assert max(map(len, pieces)) < 110 < len(LONG)


def test_equations_become_mathml(page: Page):
    assert len(page.named("math")) == 2
    assert len(page.named("mfrac")) == 1


def test_a_wrong_equation_leaves_the_page_whole_and_names_the_fault(report: Report, tmp_path: Path):
    (tmp_path / "report.pdf").write_bytes(b"older")
    wrong = dataclasses.replace(report.sections[0], equations=("x + nosuchname",))
    with pytest.raises(RuntimeError, match="nosuchname"):
        render(dataclasses.replace(report, sections=(wrong,)), tmp_path)
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "x + nosuchname" in page.text
    assert not (tmp_path / "report.pdf").exists()


def test_no_equations_need_no_formulas():
    assert mathml([]).formulas == {}


def test_the_same_report_gives_the_same_bytes(report: Report, rendered: Path, tmp_path: Path):
    again = tmp_path / "again"
    render(report, again)
    for path in (path for path in again.rglob("*") if path.is_file()):
        assert path.read_bytes() == (rendered / path.relative_to(again)).read_bytes(), path.name


def test_a_report_without_anything_renders(tmp_path: Path):
    render(Report("Empty", "", "", "quick", datetime(2026, 1, 1, tzinfo=UTC)), tmp_path)
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    for text in (page.text, pdf_text(tmp_path / "report.pdf")):
        assert "No trial failed." in text
        assert "This run compared no learners." in text


def test_where_sections_answer_nothing_is_said_of_learners(tmp_path: Path):
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    render(Report("Sweep", "", "", "quick", moment, answer=("More steps cost time.",)), tmp_path)
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    for text in (page.text, pdf_text(tmp_path / "report.pdf")):
        assert "More steps cost time." in text
        assert "This run compared no learners." not in text


def test_numbers_are_told_from_text_by_column(report: Report):
    plain = context(report)
    assert [column["numeric"] for column in plain["trials"]["columns"]] == [
        False,
        False,
        True,
        True,
        False,
    ]
    assert plain["trials"]["rows"][1][3:] == ["–", LONG]
    table = plain["sections"][0]["tables"][0]
    assert [column["numeric"] for column in table["columns"]] == [False, True]


@pytest.mark.parametrize(
    ("cells", "numeric"),
    [
        (("1.5", "−2 ± 1", "–"), True),
        (("90.1 % [88, 92]", "< 1e-5"), True),
        (("3f2a91c0", "12"), False),
        (("8x8",), False),
        (("–", ""), False),
    ],
)
def test_a_column_of_a_table_is_numeric_if_all_its_cells_begin_with_a_number(cells, numeric):
    table = Table("t", ("c",), tuple((cell,) for cell in cells))
    report = Report("t", "", "", "", datetime(2026, 1, 1, tzinfo=UTC), summary=table)
    assert context(report)["summary"]["columns"] == [{"name": "c", "numeric": numeric}]


@pytest.mark.parametrize("names", [("same", "same"), ("../up",), ("",), (".hidden",)])
def test_names_of_figures_are_unique_names_of_files(names, report: Report, tmp_path: Path):
    section = Section("s", "S", "?", ".", figures=tuple(figure(name) for name in names))
    with pytest.raises(ValueError, match="figure"):
        render(dataclasses.replace(report, sections=(section,)), tmp_path)


def test_the_pdf_keeps_the_main_columns_of_the_trial_table(rendered: Path):
    text = pdf_text(rendered / "report.pdf")
    assert "test_accuracy" in text
    assert "config.note" not in text


def test_the_pdf_keeps_the_first_columns_of_an_unknown_trial_table(report: Report):
    names = tuple(f"column {index}" for index in range(12))
    other = dataclasses.replace(report, trial_columns=names, trial_rows=[names])
    trials = json.loads(pdf.inputs(context(other)))["trials"]
    assert [column["name"] for column in trials["columns"]] == list(names[:10])
    assert trials["rows"] == [list(names[:10])]


def test_a_time_without_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        Report("t", "", "", "", datetime(2026, 1, 1))


def record(seed: int, slope: int = 10) -> Record:
    trial = Trial("m:f", "surrogate", None, {"slope": slope}, seed)
    return Record(trial, "done", {}, None, {}, Path())


def test_the_basis_names_n_seeds_interval_configurations_and_trials():
    records = [record(seed) for seed in (2, 0, 1)]
    configuration = records[0].trial.config_id[:8]
    assert re.fullmatch("[0-9a-f]{8}", configuration)
    assert basis(records, "360 test images", "95 % interval") == (
        "n = 360 test images · seeds 0, 1, 2 · 95 % interval · "
        f"configuration {configuration} · trials 3"
    )


def test_the_basis_names_at_most_four_configurations():
    records = [record(0, slope) for slope in range(6)]
    line = basis(records)
    assert line.startswith("seed 0 · configurations ")
    assert line.endswith(" +2 more · trials 6")
    assert line.count(", ") == 3
    assert basis([]) == "trials 0"


def test_one_seed_has_no_interval_over_seeds() -> None:
    alone = [record(0)]
    assert "Student" not in basis(alone, interval=INTERVAL)
    assert "Wilson" in basis(alone, interval="95 % Wilson interval over test samples")


def test_svg_text_is_outlines_and_png_has_its_resolution(rendered: Path):
    assert "<text" not in (rendered / "figures/membrane.svg").read_text(encoding="utf-8")
    from matplotlib.image import imread

    assert np.shape(imread(rendered / "figures/membrane.png"))[:2] == (2 * 144, 4 * 144)
