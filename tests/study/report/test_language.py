"""Reports in Korean: what is translated, what is carried over, and what is owned up to."""

import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from matplotlib.figure import Figure as Drawing

from biosim.neurons.izhikevich import PATTERNS
from study import commands, data, learners
from study.analysis.section import Figure, Section, Table
from study.errors import UserError
from study.experiments import review
from study.experiments.grid import experiment as grid
from study.experiments.unsupervised import experiment as unsupervised
from study.report import answer, html
from study.report.context import context
from study.report.details import details
from study.report.document import FailedTrial, Report
from study.report.language import ITEMS, NAMES, Language, catalogue, fixed_words, lacking, names, of
from study.report.particles import agreed
from study.report.values import PLACE, values
from study.request import Request
from study.run import _parse, main
from tests.study.experiments.grid_records import grid_trials, planted

HANGUL = re.compile("[가-힣]")
GROUPS = catalogue("ko")
NAMED = GROUPS.pop(NAMES)
ENTRIES = [(key, text) for group in GROUPS.values() for key, text in group.items()]
TEXTS = {
    key: text for name, group in GROUPS.items() if name != ITEMS for key, text in group.items()
}
FINDING = "{}: {} % of test samples are right (chance {} %), with {} hidden spikes a sample."

NUMBERS = st.one_of(
    st.integers(-(10**7), 10**7).map("{:,}".format),
    st.floats(-1e6, 1e6).map("{:.3g}".format),
    st.floats(-1e3, 1e3).map("{:+.2f}".format),
    st.floats(1e-9, 1e-3).map("{:.1e}".format),
    st.tuples(st.floats(0, 100), st.floats(0, 9)).map("{0[0]:.1f} ± {0[1]:.1f}".format),
    st.tuples(st.floats(0, 100), st.floats(0, 9)).map("{0[0]:.1f} [{0[1]:.1f}, 100.0]".format),
)


def filled(template: str, found: list[str]) -> str:
    """Return a template with values in the order of its places."""
    parts = template.split(PLACE)
    return "".join(part + value for part, value in zip(parts, [*found, ""], strict=True))


def numbered(translation: str, found: list[str]) -> str:
    return agreed(re.sub(r"\{(\d+)\}", lambda place: found[int(place[1])], translation))


@pytest.fixture(scope="module")
def records():
    return planted(grid_trials()[:-2], lambda config: {"train_seconds": 10.0 + config["hidden"]})


@pytest.fixture(scope="module")
def report(records) -> Report:
    return Report(
        title="Spiking networks in two worlds",
        subtitle="Words that nobody translated",
        command="python -m study.run grid",
        profile="thesis",
        created=datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        question=answer.QUESTION,
        answer=answer.answer(records),
        sections=(grid.section(records),),
        failures=(FailedTrial("label", "abc123", "ValueError", "No trial failed.", "Traceback"),),
        trial_columns=("trial", "learner"),
        trial_rows=[("1f", "learner")],
        provenance={"data": "test accuracy"},
        details=details({"grid": records}),
        language="ko",
    )


def test_a_part_of_a_sentence_is_known_as_a_sentence_too():
    part = "Test accuracy against spikes per sample on digits: mlp 90 % at 100"
    language = Language("ko", ({"digits"}, {"mlp"}))
    assert language.translate(part) != part
    assert language.translate(f"{part}.") == f"{language.translate(part)}."
    assert not language.missing


@pytest.fixture(scope="module")
def told(report: Report) -> dict:
    return of(report).context(context(report))


def test_translations_have_the_places_of_their_templates():
    wrong = [
        key
        for key, text in ENTRIES
        if set(re.findall(r"\{(\d+)\}", text)) != {str(n) for n in range(key.count(PLACE))}
    ]
    assert wrong == []


def test_templates_are_what_look_ups_ask_for():
    written = [(key, key.replace(PLACE, "\x00")) for key, _ in ENTRIES]
    wrong = [key for key, plain in written if values().sub("\x00", plain) != plain]
    assert wrong == []


def test_no_template_stands_twice_even_with_and_without_a_full_stop():
    counted = Counter(
        key.removesuffix(".") for name, group in GROUPS.items() if name != ITEMS for key in group
    )
    assert [key for key, count in counted.items() if count > 1] == []


def test_the_fonts_have_every_letter_of_the_catalogue():
    from study.report.fonts import letters

    used = {ord(letter) for _, text in ENTRIES for letter in text if HANGUL.match(letter)}
    assert used <= letters()


@given(st.sampled_from(sorted(TEXTS)), st.data())
def test_numbers_are_carried_over_unchanged_to_their_places(template: str, data):
    found = [data.draw(NUMBERS) for _ in range(template.count(PLACE))]
    text = filled(template, found)
    # Numbers in a row are a list, which is one value: another template.
    assume(values().findall(text) == found)
    language = Language("ko")
    assert language.translate(text) == numbered(TEXTS[template], found)
    assert language.missing == {}


@given(st.lists(NUMBERS, min_size=3, max_size=3))
def test_names_of_data_are_carried_over_too(found: list[str]):
    language = Language("ko", [{"mine.npz"}])
    expected = numbered(TEXTS[FINDING], ["mine.npz", *found])
    assert language.translate(filled(FINDING, ["mine.npz", *found])) == expected


@pytest.mark.parametrize("settings", ["", " (slope 10.0 → 25.0)", " (slope=5.0, l1=1e-05)"])
def test_settings_behind_a_name_belong_to_it(settings: str):
    language = Language("ko", [{"digits"}, {"surrogate"}])
    told = language.translate(f"surrogate · digits{settings}: training / s rose by 2.0 ± 0.1.")
    assert told == f"surrogate · digits{settings}: 학습 시간(s)이 2.0 ± 0.1만큼 늘었다."


def test_names_that_are_words_do_not_hide_sentences():
    language = Language("ko", [{"test", "accuracy"}, {"surrogate"}])
    assert language.translate("test accuracy / %") == "테스트 정확도 / %"
    assert language.translate("Learning by surrogate gradients") == "서로게이트 기울기에 의한 학습"
    assert language.translate("surrogate") == "surrogate"
    assert language.missing == {}


@pytest.mark.parametrize("joined", [", ", "; "])
def test_lists_are_translated_item_by_item(joined: str):
    text = (
        f"digits: without the grid's levels {joined.join(['time steps 25', 'hidden neurons 5'])}."
    )
    language = Language("ko", [{"digits"}])
    assert language.translate(text) == (
        "digits: 격자의 다음 수준이 빠져 있다: 시간 단계 수 25, 은닉층 노드 수 5."
    )


def test_names_with_a_korean_form_have_it_alone_in_sentences_and_in_lists():
    language = Language("ko", [set(), set(), {*PATTERNS}])
    assert set(PATTERNS) <= set(NAMED)
    assert language.translate("class 1") == "제1형 흥분성"
    told = language.translate("The others: class 2 (3 to 4), resonator (1 to 2).")
    assert told == "나머지: 제2형 흥분성(3개에서 4개로), 공명 뉴런(1개에서 2개로)."
    told = language.translate("3 small traces, one for each of: class 1, class 2, integrator.")
    assert told == "작은 파형 3개: 제1형 흥분성, 제2형 흥분성, 적분 뉴런."
    assert language.missing == {}


def test_lists_of_any_length_need_one_template():
    language = Language("ko", [{"digits"}, {"a", "b", "c"}])
    for n in (1, 2, 3):
        listed = ", ".join(f"{name} 9{n}.5 ± 0.{n} %" for name in "abc"[:n])
        text = language.translate(f"Test accuracy on digits, best first: {listed} (3 seeds).")
        assert f": {listed}(" in text
        assert HANGUL.search(text)
    assert language.missing == {}


def test_paragraphs_are_translated_sentence_by_sentence():
    language = Language("ko")
    text = language.translate("What do they bring? Frobnicate the gnus. Does resolution matter?")
    assert text == "이들은 무엇을 더해 주는가? Frobnicate the gnus. 해상도가 중요한가?"
    assert list(language.missing) == ["Frobnicate the gnus."]


def test_unknown_sentences_stay_english_and_are_counted_once(told: dict, report: Report):
    assert told["subtitle"] == report.subtitle
    language = Language("ko")
    for number in (1, 2):
        assert language.translate(f"There are {number} gnus.") == f"There are {number} gnus."
    assert list(language.missing) == ["There are {} gnus."]
    assert language.notes()[0].endswith(": 1.")
    assert told["notes"][-1] == "아직 한국어 번역이 없어 영어로 남은 문장: 1개."


def test_a_report_without_gaps_says_nothing_of_them(report: Report):
    whole = replace(report, subtitle="")
    assert of(whole).context(context(whole))["notes"] == []


def test_a_grid_of_the_thesis_is_all_korean(report: Report):
    assert list(lacking(report, "ko")) == [report.subtitle]


def test_fixed_words_of_both_templates_are_all_korean():
    language = Language("ko")
    for word in fixed_words():
        language.translate(word)
    assert len(fixed_words()) > 40
    assert language.missing == {}


def test_titles_and_questions_of_all_experiments_are_korean():
    from study import experiments

    language = Language("ko")
    titles = [language.translate(experiments.load(name).TITLE) for name in experiments.names()]
    assert all(map(HANGUL.search, titles))
    assert language.missing == {}


def test_published_systems_are_korean_whether_they_were_run_or_not():
    rows = review.rows()
    language = Language("ko", [set(), {*learners.known()}])
    told = [language.translate(f"Not run: {row.published.system}.") for row in rows]
    listed = language.translate(f"Not run: {'; '.join(row.published.system for row in rows)}.")
    assert language.missing == {}
    assert all(text.startswith("실행 안 됨: ") for text in (*told, listed))
    assert len(rows) > 20


def test_what_differs_from_the_papers_is_korean():
    language = Language("ko")
    assert all(HANGUL.search(language.translate(text)) for text in unsupervised.DEVIATIONS)
    assert language.missing == {}


def test_an_altered_number_in_the_trials_alters_the_korean_sentence(records):
    def korean(accuracy: float) -> str:
        metrics = {**records[0].metrics, "test_accuracy": accuracy}
        language = Language("ko", [{"fashion-mnist"}, {"surrogate"}])
        told = language.translate(answer.answer([replace(records[0], metrics=metrics)])[0])
        assert language.missing == {}
        return told

    assert "71.2 ± 0.9 %" in korean(0.712)
    assert korean(0.713) == korean(0.712).replace("71.2", "71.3")


def test_data_errors_and_commands_are_never_translated(told: dict, report: Report):
    plain = context(report)
    for key in ("trials", "failures", "details", "provenance", "command"):
        assert told[key] == plain[key]
    for before, after in zip(plain["sections"], told["sections"], strict=True):
        assert after["title"] == "학위논문의 격자 탐색 재현"
        for key in ("id", "equations", "command"):
            assert after[key] == before[key]
        names_ = [[figure["name"] for figure in part["figures"]] for part in (before, after)]
        assert names_[0] == names_[1]


def test_a_korean_source_is_cited_in_korean_and_others_as_they_are(told: dict, report: Report):
    pairs = list(zip(context(report)["references"], told["references"], strict=True))
    changed = [korean for english, korean in pairs if korean != english]
    assert [(paper["authors"], paper["year"]) for paper in changed] == [("이인규", 2024)]
    assert "서로게이트 기울기 기반의 스파이크 신경망" in changed[0]["title"]
    assert "순천향대학교" in changed[0]["venue"]
    assert len(pairs) > 1


def test_cells_of_tables_keep_their_numbers(told: dict, report: Report):
    for before, after in zip(
        context(report)["sections"][0]["tables"], told["sections"][0]["tables"], strict=True
    ):
        for old, new in zip(before["rows"], after["rows"], strict=True):
            for cell, korean in zip(old, new, strict=True):
                # A Korean counter may follow without a space.
                digits = [Counter(re.findall(r"\d+", text)) for text in (cell, korean)]
                assert digits[0] == digits[1]


def test_the_page_is_korean_and_brings_its_letters(told: dict, report: Report):
    language = of(report)
    section = {**told["sections"][0], "figures": [], "figure": None}
    page = html.page(
        {**told, "sections": [section], "translate": language.translate},
        {},
    )
    assert '<html lang="ko">' in page
    assert "font-src data:" in page
    assert "@font-face" in page
    assert "How sure, and what else" not in page
    assert "얼마나 확실하며" in page


def test_an_english_page_is_as_it_was(report: Report):
    english = replace(report, language="en")
    told = of(english).context(context(english))
    assert {key: told[key] for key in context(english)} == context(english)
    assert all(word == english_word for english_word, word in told["words"].items())


def drawn(drawing: Drawing) -> list[str]:
    from matplotlib.text import Text

    drawing.canvas.draw()
    return [artist.get_text() for artist in drawing.findobj(Text) if artist.get_text()]


def test_figures_are_korean_with_every_letter_drawn():
    drawing = Drawing(figsize=(4, 3), layout="constrained")
    left, right = drawing.subplots(1, 2)
    left.plot([0.0, 1.0], [0.0, 1.0], label="training")
    left.set(xlabel="time / ms", title="digits")
    left.legend()
    right.barh(["slope", "rest"], [1.0, 2.0])
    # A letter that no font has is a warning, and here an error.
    language = Language("ko", [{"digits"}])
    language.draw(drawing)
    texts = drawn(drawing)
    assert {"학습", "시간 / ms", "digits", "경사", "나머지"} <= set(texts)
    assert not {"training", "time / ms", "slope", "rest"} & set(texts)
    assert "0.0" in texts
    assert language.missing == {}


def test_names_come_from_the_trials_and_the_registries(report: Report):
    mine = replace(report.details[0], subject="my neuron", dataset="mine.npz")
    data_sets, subjects, _ = names(replace(report, details=(*report.details, mine)))
    assert data_sets == {"mine.npz", *data.known()}
    assert subjects == {"my neuron", *learners.known()}


def test_figures_and_tables_of_a_report_are_in_one_language(tmp_path: Path):
    figure = Figure("f", Drawing(), "Right: test accuracy.", "computed, no trials", "trials 3")
    table = Table("Operations for one sample.", ("learner", "trial"), (("none", "2.5"),))
    made = Report(
        "Notes", "", "", "quick", datetime(2026, 1, 2, tzinfo=UTC), summary=table,
        summary_figure=figure, sections=(Section("s", "Figure", "Table", ""),), language="ko",
    )  # fmt: skip
    told = of(made).context(context(made))
    assert told["summary_figure"]["caption"] == "오른쪽: 테스트 정확도."
    assert told["summary_figure"]["basis"] == "시행 3"
    assert told["summary"]["columns"][0] == {"name": "학습기", "numeric": False}
    assert told["summary"]["rows"] == [["없음", "2.5"]]
    assert told["title"] == "참고"


def test_the_command_line_takes_a_language_that_there_is():
    assert _parse(["report", "--lang", "ko"]).lang == "ko"
    assert _parse(["all"]).lang == "en"
    with pytest.raises(UserError, match=r"en.*ko"):
        _parse(["report", "--lang", "fr"])


def test_what_a_report_lacks_is_listed_by_template(
    report: Report, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    whole = replace(report, sections=())
    monkeypatch.setattr(commands, "gathered", lambda out: whole)
    assert main(["report", "--lacking", "--out", "nowhere"]) == 0
    assert capsys.readouterr().out == f"ko: {report.subtitle}\n    {report.subtitle}\n"


def test_products_are_translated_factor_by_factor():
    language = Language("ko")
    told = language.translate("hidden neurons × surrogate slope")
    assert told == "은닉층 노드 수 × 서로게이트 기울기 경사"
    assert language.translate("gnus × time steps") == "gnus × 시간 단계 수"
    assert list(language.missing) == ["gnus"]


def test_a_language_is_no_part_of_what_is_run():
    assert "lang" not in Request.__dataclass_fields__
