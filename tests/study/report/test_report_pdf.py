import dataclasses
import json
import re
import shutil
import time
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
import typst
from fontTools.ttLib import TTFont
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure as Drawing
from pypdf import PdfReader
from pypdf.generic import DictionaryObject, IndirectObject

from study import experiments
from study.analysis import references
from study.analysis.section import Figure, Section, Table
from study.report import appendix, assemble, fonts, pdf
from study.report.context import context
from study.report.document import FailedTrial, Report, TrialDetail
from study.report.render import render
from study.request import Request
from study.trials.trial import Record, Trial

HOSTILE = "#import \"x\" $ x $ *b* _i_ `c` 'a' @ref //c <label> \\ #{1+1} [a]"
FOREIGN = "漢字 😀 שלום भाषा 뷁 \u202e \u0301 \ue000 e\u0301"
KOREAN = "스파이크 신경망의 학습 규칙 비교"
CREATED = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def figure(name: str, alt: str = "A line that rises.") -> Figure:
    drawing = Drawing(figsize=(4, 2), layout="constrained")
    drawing.subplots().plot([0, 1], [0, 1], alpha=0.5)
    return Figure(name, drawing, f"The line of {name}.", alt, "n = 2 · configuration 0123abcd")


def detail(index: int, **config) -> TrialDetail:
    return TrialDetail(
        label=f"surrogate · digits · seed {index}",
        trial_id=f"{index:016x}",
        config_id="0123abcd00000000",
        experiment="grid",
        status="done",
        seed=index,
        subject="surrogate",
        dataset="digits",
        config=config or {"hidden": 10, "note": HOSTILE},
        metrics={},
        provenance={"wall_seconds": 1.5, "started": "2026-01-02T03:04:05+00:00"},
    )


def made(**changes) -> Report:
    rows = tuple((f"line {index}", str(index)) for index in range(60))
    section = Section(
        "grid",
        "A grid",
        "Which setting matters?",
        "Each is varied.",
        equations=("x + y = z",),
        figures=(figure("first", HOSTILE), figure("second")),
        tables=(Table("Few rows.", ("what", "value"), rows[:3]), Table("Many.", ("a", "b"), rows)),
        findings=("One matters.",),
        references=("neftci2019", "holm1979"),
        command="python -m study.run grid",
    )
    report = Report(
        title="A report",
        subtitle="Of a test",
        command="python -m study.run all",
        profile="quick",
        created=CREATED,
        question="What is it?",
        answer=("It is 1.0 ± 0.1.",),
        basis=("3 trials, of which 1 failed.", "Machine: a processor."),
        summary_figure=figure("summary"),
        sections=(section,),
        failures=(FailedTrial("a", "b", "ValueError", HOSTILE, HOSTILE),),
        details=[detail(index) for index in range(3)],
        trial_columns=("trial", "status"),
        trial_rows=[(f"{index:016x}", "done") for index in range(3)],
        provenance={"libraries": {"numpy": "2"}, "cpu": "a processor", "data": {"d": {"s": "1"}}},
    )
    return dataclasses.replace(report, **changes)


def document(report: Report, folder: Path) -> bytes:
    return pdf.document(context(report), folder, report.created)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the figures are."""
    out = tmp_path_factory.mktemp("report")
    render(made(), out)
    return out


@pytest.fixture(scope="module")
def reader(folder: Path) -> PdfReader:
    return PdfReader(folder / "report.pdf")


def text_of(content: bytes) -> str:
    text = " ".join(page.extract_text() for page in PdfReader(BytesIO(content)).pages)
    return " ".join(text.replace("\u200b", "").split())


@pytest.fixture(scope="module")
def pages(reader: PdfReader) -> list[str]:
    return [page.extract_text().replace("\u200b", "") for page in reader.pages]


@pytest.fixture(scope="module")
def text(pages: list[str]) -> str:
    return " ".join(" ".join(pages).split())


def objects(reader: PdfReader) -> list[DictionaryObject]:
    """Return every dictionary of the file."""
    found = []
    for number in range(1, int(reader.trailer["/Size"])):
        value = IndirectObject(number, 0, reader).get_object()
        if isinstance(value, DictionaryObject):
            found.append(value)
    return found


def elements(reader: PdfReader, kind: str) -> list[DictionaryObject]:
    """Return the elements of the structure tree of one kind."""
    return [value for value in objects(reader) if value.get("/S") == kind and "/P" in value]


def test_the_file_says_that_it_is_pdf_a_3a_and_pdf_ua_1(reader: PdfReader):
    metadata = reader.trailer["/Root"]["/Metadata"].get_data().decode()
    assert re.search(r"<pdfaid:part>3</pdfaid:part>|pdfaid:part=\"3\"", metadata)
    assert re.search(r"<pdfaid:conformance>A<|pdfaid:conformance=\"A\"", metadata)
    assert re.search(r"<pdfuaid:part>1</pdfuaid:part>|pdfuaid:part=\"1\"", metadata)


def test_the_trials_come_with_the_file(folder: Path, tmp_path: Path):
    table = b"trial,test_accuracy\r\na,0.5\r\n"
    shutil.copytree(folder / "figures", tmp_path / "figures")
    (tmp_path / "trials.csv").write_bytes(table)
    reader = PdfReader(BytesIO(document(made(), tmp_path)))
    assert {name: list(parts) for name, parts in reader.attachments.items()} == {
        "trials.csv": [table]
    }
    (linked,) = reader.trailer["/Root"]["/AF"]
    assert linked["/AFRelationship"] == "/Data"


def test_a_file_of_no_trials_brings_nothing_along(reader: PdfReader):
    assert not reader.attachments


def test_the_file_is_tagged_has_a_language_a_title_and_an_output_intent(reader: PdfReader):
    root = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "en"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert root["/OutputIntents"][0]["/S"] == "/GTS_PDFA1"
    assert root["/OutputIntents"][0]["/DestOutputProfile"].get_data()
    kinds = {value["/S"] for value in objects(reader) if "/S" in value and "/P" in value}
    assert kinds >= {"/Document", "/H1", "/H2", "/P", "/Table", "/TH", "/TD", "/Figure", "/Caption"}


def test_every_figure_and_formula_has_its_alternative_text(reader: PdfReader):
    figures = [str(element["/Alt"]) for element in elements(reader, "/Figure")]
    assert sorted(figures) == sorted(["A line that rises.", HOSTILE, "A line that rises."])
    assert [element["/Alt"] for element in elements(reader, "/Formula")] == ["x + y = z"]


def test_all_fonts_are_embedded_and_nothing_runs_or_is_encrypted(reader: PdfReader):
    descriptors = [value for value in objects(reader) if value.get("/Type") == "/FontDescriptor"]
    assert descriptors
    for descriptor in descriptors:
        assert {"/FontFile", "/FontFile2", "/FontFile3"} & descriptor.keys()
    for value in objects(reader):
        assert value.get("/S") not in {"/JavaScript", "/Launch", "/Movie", "/Sound"}
        assert not {"/JS", "/AA", "/EmbeddedFiles"} & value.keys()
    assert not reader.is_encrypted


def test_every_header_cell_has_a_scope_and_every_page_a_tab_order(reader: PdfReader):
    for cell in elements(reader, "/TH"):
        attributes = cell["/A"]
        attributes = attributes if isinstance(attributes, list) else [attributes]
        assert any("/Scope" in attribute.get_object() for attribute in attributes)
    assert all(page["/Tabs"] == "/S" for page in reader.pages if "/Annots" in page)


def test_the_first_page_has_question_answer_picture_data_and_failures(pages: list[str]):
    first = " ".join(pages[0].split())
    for part in ("What is it?", "1.0 ± 0.1", "Figure 1.", "1 failed", "Machine: a processor."):
        assert part in first


def test_a_figure_stands_on_one_page_with_its_caption_hash_and_command(pages: list[str]):
    pages = [" ".join(page.split()) for page in pages]
    for number, name in (("1", "summary"), ("2", "first"), ("S1", "second")):
        page = next(page for page in pages if f"Figure {number}. The line of {name}." in page)
        assert "0123abcd" in page
    assert any("python -m study.run grid" in page for page in pages)


def test_a_long_table_repeats_its_header_and_keeps_its_caption(pages: list[str]):
    assert sum(bool(re.search(r"^a\s+b$", page, re.MULTILINE)) for page in pages) >= 2
    assert any("Many." in page and "line 0" in page for page in pages)


def test_figures_tables_and_references_are_referred_to_by_links(reader: PdfReader, text: str):
    assert "(Figure 2)" in text.replace("\u00a0", " ")
    assert "[1, 2]" in text
    links = [value for value in objects(reader) if value.get("/Subtype") == "/Link"]
    addresses = {str(link["/A"]["/URI"]) for link in links if "/URI" in link.get("/A", {})}
    assert addresses == {
        "https://doi.org/10.1109/MSP.2019.2931595",
        "https://www.jstor.org/stable/4615733",
    }
    assert all(link.get("/Contents") for link in links)


def test_configurations_that_hold_markup_are_shown_as_they_are(text: str):
    assert text.count("#import") >= 3  # configuration, message, traceback
    assert "#{1+1} [a]" in text
    assert "\\" in text


@pytest.mark.parametrize("strange", [HOSTILE, FOREIGN, KOREAN, "a_b/c-" * 40, "é" * 300])
def test_any_text_anywhere_is_set(strange: str, folder: Path):
    item = dataclasses.replace(detail(0, **{strange: strange}), label=strange, experiment=strange)
    wild = made(
        title=strange,
        question=strange,
        answer=(strange,),
        notes=(strange,),
        details=[item, dataclasses.replace(item, config_id="89abcdef", config={"a": strange})],
        trial_rows=[(strange, strange)],
        provenance={strange: strange, "b": {strange: {strange: strange}}},
        failures=(FailedTrial(strange, strange, strange, strange, strange),),
        sections=(),
        summary_figure=None,
    )
    assert document(wild, folder).startswith(b"%PDF")


@settings(max_examples=15, deadline=None)
@given(st.text(max_size=200))
def test_no_text_stops_the_typesetting(text: str):
    wild = made(title=f"T{text}", notes=(text,), details=(), sections=(), summary_figure=None)
    assert document(wild, Path()).startswith(b"%PDF")


def test_letters_without_a_glyph_are_marked_and_others_kept():
    shown = json.loads(pdf.inputs(context(made(title=f"{KOREAN} {FOREIGN}"))))["title"]
    assert shown.startswith(KOREAN)
    assert shown.endswith(" é")
    assert not set("漢😀ש뷁\u202e\ue000") & set(shown)


def test_every_letter_that_is_let_through_has_a_glyph():
    # PDF/A refuses letters without one.
    letters = [chr(code) for code in range(0x20, 0x10000) if not 0xD800 <= code < 0xE000]
    shown = "".join(letters)
    kept = pdf._unprintable().sub("", shown)
    assert len(kept) > 4000
    source = (
        b'#set document(title: "x")\n#set text(font: ("Libertinus Serif", "Twinspike Myeongjo"))\n'
    )
    source += b"#for letter in json(bytes(sys.inputs.letters)) [a#letter;b ]"
    typst.compile(
        source,
        format="pdf",
        font_paths=[fonts.FOLDER],
        ignore_system_fonts=True,
        sys_inputs={"letters": json.dumps(list(kept))},
        pdf_standards=pdf.STANDARDS,
    )


def test_a_korean_report_has_its_letters_and_says_so(folder: Path):
    words = {"Summary": "요약", "Figure": "그림"}
    plain = context(made(language="ko", title=KOREAN)) | {"words": words}
    content = pdf.document(plain, folder, CREATED)
    text = text_of(content)
    assert KOREAN in text
    assert "요약" in text
    assert "그림 1." in text
    assert PdfReader(BytesIO(content)).trailer["/Root"]["/Lang"] == "ko"


def test_the_same_trials_give_the_same_bytes_at_another_time(tmp_path: Path):
    trial = Trial("m:f", "surrogate", None, {"slope": 10}, 0)
    started = {"started": "2026-01-02T03:04:05+00:00", "wall_seconds": 60.0}
    error = {"type": "E", "message": "m", "traceback": "t"}
    records = {"dynamics": [Record(trial, "failed", {}, error, started, Path())]}
    files = []
    for name in ("once", "again"):
        (tmp_path / name).mkdir()
        assemble.write(*assemble.gather(records, Request("quick"), "command"), tmp_path / name)
        files.append(
            {
                path.relative_to(tmp_path / name): path.read_bytes()
                for path in sorted((tmp_path / name).rglob("*"))
                if path.is_file()
            }
        )
        time.sleep(1.1)  # the stamps in a PDF are in seconds
    assert files[0] == files[1]
    assert PdfReader(tmp_path / "once" / "report.pdf").metadata.creation_date == datetime(
        2026, 1, 2, 3, 5, 5, tzinfo=UTC
    )


def test_configurations_name_the_usual_settings_once_and_then_what_departs():
    trials = [
        dataclasses.replace(detail(seed, hidden=hidden, slope=5), config_id=f"{hidden:016x}")
        for hidden in (100, 200, 300)
        for seed in (0, 1, 2, 5)
    ]
    trials += [
        dataclasses.replace(detail(0, hidden=100, slope=7), config_id=f"{7:016x}"),
        dataclasses.replace(detail(0, rate=1), subject="linear", dataset="", config_id=f"{8:016x}"),
    ]
    shown = appendix.configurations(context(made(details=trials))["details"])
    assert [(group["subject"], group["usual"]) for group in shown] == [
        ("surrogate", "hidden = 100, slope = 5"),
        ("linear", "rate = 1"),
    ]
    assert [(row["dataset"], row["seeds"], row["differs"]) for row in shown[0]["rows"]] == [
        ("digits", "0–2, 5", "–"),
        ("digits", "0–2, 5", "hidden = 200"),
        ("digits", "0–2, 5", "hidden = 300"),
        ("digits", "0", "slope = 7"),
    ]


def test_hashes_that_two_configurations_share_lead_nowhere(folder: Path):
    twins = [
        dataclasses.replace(detail(seed, hidden=seed), config_id=f"0123abcd{seed:08d}")
        for seed in (0, 1)
    ]
    plain = context(made(details=twins))
    assert json.loads(pdf.inputs(plain))["anchors"] == []
    assert pdf.document(plain, folder, CREATED)


def test_each_way_to_fail_stands_once_with_its_trials():
    ways = [
        FailedTrial(f"trial {index}", f"{index:016x}", "E", str(index % 2), "t")
        for index in range(5)
    ]
    shown = appendix.reasons(context(made(failures=tuple(ways)))["failures"])
    assert [(way["message"], [trial["label"] for trial in way["trials"]]) for way in shown] == [
        ("0", ["trial 0", "trial 2", "trial 4"]),
        ("1", ["trial 1", "trial 3"]),
    ]


def test_durations_are_those_of_the_trials():
    plain = context(made())["details"]
    assert appendix.durations(plain) == [["grid", "3", "0", "4.5", "2026-01-02T03:04:05+00:00"]]


def test_what_does_not_fit_on_paper_is_counted(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pdf, "TRIALS", 10)
    monkeypatch.setattr(appendix, "REASONS", 2)
    monkeypatch.setattr(appendix, "SHOWN", 4)
    long = Table("Long.", ("a",), (("1",),) * 150)
    many = made(
        trial_rows=[(f"{index:016x}", "done") for index in range(14)],
        details=[
            dataclasses.replace(detail(0, hidden=index), config_id=f"{index:08x}00")
            for index in range(9)
        ],
        failures=made().failures * 5,
        sections=(Section("s", "S", "?", ".", tables=(long,)),),
        summary_figure=None,
    )
    text = text_of(document(many, folder))
    assert "More rows in report.html: 30." in text
    assert "Trials that stand there alone: 4." in text
    assert "More configurations in report.html and trials.csv: 5" in text
    assert "Failures that stand in report.html alone: 3." in text


def test_every_citation_of_an_experiment_has_its_reference():
    folder = Path(experiments.__file__).parent
    cited = {
        key
        for path in folder.rglob("*.py")
        for found in re.findall(r"references=\((.*?)\)", path.read_text("utf-8"), re.DOTALL)
        for key in re.findall(r'"(\w+)"', found)
    }
    assert cited == set(references.REFERENCES)


def test_references_are_sorted_and_their_addresses_well_formed():
    assert list(references.REFERENCES) == sorted(references.REFERENCES)
    for key, reference in references.REFERENCES.items():
        assert re.fullmatch(r"10\.\d{4,5}/\S+|https://\S+|", reference.doi)
        assert re.fullmatch(r"https://((?!https:)\S)+|", reference.address)
        assert str(reference.year) in key


def test_the_fonts_have_the_letters_of_korean_and_their_licence():
    for family in (fonts.TEXT, fonts.FIGURES):
        for weight in fonts.WEIGHTS:
            font = TTFont(fonts.file(family, weight))
            cmap = font.getBestCmap()
            assert sum(0xAC00 <= code <= 0xD7A3 for code in cmap) == 2350
            assert all(ord(letter) in cmap for letter in "azAZ09±²×θτΔ·–“”…%㎐"[:-1])
            assert font["name"].getDebugName(1) == family
            assert "Nanum" not in "".join(str(name) for name in font["name"].names)
            assert font["OS/2"].usWeightClass == {"Regular": 400, "Bold": 700}[weight]
    assert "SIL OPEN FONT LICENSE" in (fonts.FOLDER / "OFL.txt").read_text(encoding="utf-8")


def test_figures_can_be_drawn_in_korean():
    from matplotlib import rc_context

    drawing = Drawing(figsize=(2, 1))
    with rc_context({"font.family": ["DejaVu Sans", fonts.figure_font()]}):
        drawing.suptitle(KOREAN)
        drawing.savefig(BytesIO(), format="svg")  # a letter without a glyph is a warning


def test_a_webfont_holds_the_letters_of_its_text_alone():
    content = fonts.webfont("가나 ab")
    assert content[:4] == b"wOFF"
    assert len(content) < 5000
    assert sorted(map(chr, TTFont(BytesIO(content)).getBestCmap())) == [" ", "a", "b", "가", "나"]
    assert fonts.webfont("가나 ab") == content
