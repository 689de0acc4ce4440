"""The page in a real browser: scripts, layout on a phone, and that it asks for nothing outside."""

import csv
import io
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure as Drawing
from PIL import Image

from biosim.neurons import LIF
from biosim.plasticity import PairSTDP
from biosim.plasticity.pair import window
from study.analysis.figures import COLOURS
from study.analysis.section import Figure, Section, Table, Widget
from study.report.document import FailedTrial, Report, TrialDetail
from study.report.render import render

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next((path for path in map(shutil.which, BROWSERS) if path), None)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason=f"none of {', '.join(BROWSERS)} is on PATH"),
    pytest.mark.skipif(find_spec("playwright") is None, reason="playwright is not installed"),
]

ACCURACIES = (0.5, None, 0.25, 10.0, 9.0, 0.125)
LONG = "averylongword" * 20
HOSTILE = (
    "<script>document.title = 'owned'</script><img src=x onerror=\"document.title = 'owned'\">"
)
CURRENT_A = 0.2e-9
RULE = PairSTDP(tau_plus_s=15e-3)
WAIT_MS = 10_000  # for what a page does soon after an event, not within it
AXE = "AXE_JS"  # environment variable with the path of axe-core's script


def figure(name: str) -> Figure:
    drawing = Drawing(figsize=(9, 3))
    drawing.subplots().plot([0, 1], color=COLOURS[0])
    return Figure(name, drawing, "A line rises.", "A line that rises from 0 to 1.", "n = 1")


def detail(index: int, error: FailedTrial | None = None) -> TrialDetail:
    return TrialDetail(
        label=f"learner · seed {index}",
        trial_id=f"{index:016x}",
        config_id="c" * 16,
        experiment="learning",
        status="failed" if error else "done",
        seed=index,
        subject="learner",
        dataset="",
        config={"note": HOSTILE, "slope": 25.0},
        metrics={} if error else {"test_accuracy": 0.75},
        provenance={"cpu": "one", "wall_seconds": 1.5},
        curves={} if error else {"train_accuracy": (0.25, 0.5, 0.75)},
        error=error,
    )


@pytest.fixture(scope="module")
def report() -> Report:
    lif = Widget("lif", {**asdict(LIF()), "current_a": CURRENT_A})
    rule = {
        name: getattr(RULE, name) for name in ("a_plus", "a_minus", "tau_plus_s", "tau_minus_s")
    }
    wide = Table("Wide.", tuple(f"column {i}" for i in range(20)), (("cell",) * 20,))
    signed = ("−2 ± 1", "9,252 ± 682", "–", "10 [9, 11]", "< 0.001")
    mixed = Table(
        "Mixed.", ("name", "value"), tuple((f"=row {i}", v) for i, v in enumerate(signed))
    )
    broken = FailedTrial("learner · seed 6", f"{6:016x}", "ValueError", HOSTILE, f"line\n{LONG}")
    return Report(
        title="Report",
        subtitle=LONG,
        command=LONG,
        profile="quick",
        created=datetime(2026, 1, 1, tzinfo=UTC),
        question="What is it?",
        answer=("It is 97.1 ± 1.1 %.",),
        basis=("7 trials, of which 1 failed.",),
        summary=mixed,
        summary_figure=figure("summary"),
        sections=(
            Section(
                "neurons", LONG, LONG, LONG, equations=("sum_(i=1)^N x_i + y_i + z_i " * 8,),
                figures=(figure("rise"),), tables=(wide,), findings=(LONG,), caveats=("Not much.",),
                references=("neftci2019",), widget=lif, command="python -m study.run neurons",
            ),
            Section("plasticity", "Plasticity", "?", ".", widget=Widget("stdp", rule)),
        ),
        failures=(broken,),
        trial_columns=("trial", "learner", "status", "test_accuracy"),
        trial_rows=[
            (f"{i:016x}", f"{'beta' if i % 2 else 'alpha'} {i}", "done", accuracy)
            for i, accuracy in enumerate(ACCURACIES)
        ]
        + [(broken.trial_id, LONG, "failed", None)],
        details=[detail(i) for i in range(len(ACCURACIES))] + [detail(6, broken)],
        provenance={"cpu": "one", "data": {LONG: LONG}},
        notes=("Note.",),
    )  # fmt: skip


@pytest.fixture(scope="module")
def address(report: Report, tmp_path_factory: pytest.TempPathFactory) -> str:
    out = tmp_path_factory.mktemp("page")
    render(report, out)
    return (out / "report.html").as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"]
        )
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser, address: str) -> Iterator[Callable]:
    """Opens the page; afterwards nothing may have been said on the console or asked for."""
    contexts, told, asked = [], [], []

    def opened(width: int = 1280, fragment: str = "", url: str = address, **settings):
        settings = {
            "reduced_motion": "reduce",
            "viewport": {"width": width, "height": 800},
        } | settings
        contexts.append(browser.new_context(**settings))
        page = contexts[-1].new_page()
        page.on("console", lambda message: told.append(message.text))
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(url + fragment)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert told == []
    assert [url for url in asked if not url.startswith(("data:", "blob:", "file:"))] == []
    assert {url.partition("#")[0] for url in asked if url.startswith("file:")} <= {address}


def column(page, index: int) -> list[str]:
    return page.locator(
        f"#trial-table tbody tr:visible td:nth-child({index + 1})"
    ).all_inner_texts()


def sort_by(page, index: int) -> str:
    header = page.locator("#trial-table th").nth(index)
    header.locator("button").click()
    return header.get_attribute("aria-sort")


def shown(element) -> None:
    """Wait for an element: what follows an event of the page comes after the key was pressed."""
    element.wait_for(state="visible", timeout=WAIT_MS)


def hidden(element) -> None:
    element.wait_for(state="hidden", timeout=WAIT_MS)


def overhang(page) -> int:
    root = "document.documentElement"
    return page.evaluate(f"{root}.scrollWidth - {root}.clientWidth")


def test_all_pictures_load(visit):
    page = visit()
    page.wait_for_function("Array.from(document.images).every((image) => image.complete)")
    assert page.evaluate("Array.from(document.images, (image) => image.naturalWidth > 0)") == [
        True,
        True,
    ]


def test_numbers_sort_as_numbers_with_missing_ones_last(visit):
    page = visit()
    rising = ["0.125", "0.25", "0.5", "9", "10"]
    assert sort_by(page, 3) == "ascending"
    assert column(page, 3) == [*rising, "–", "–"]
    assert sort_by(page, 3) == "descending"
    assert column(page, 3) == [*rising[::-1], "–", "–"]


def test_text_sorts_as_text_and_only_one_column_is_marked(visit):
    page = visit()
    sort_by(page, 3)
    assert sort_by(page, 1) == "ascending"
    assert column(page, 1)[:6] == ["alpha 0", "alpha 2", "alpha 4", LONG, "beta 1", "beta 3"]
    assert page.locator("#trial-table th").nth(3).get_attribute("aria-sort") == "none"


def test_intervals_thousands_and_typographic_signs_sort_as_numbers(visit):
    page = visit()
    page.locator("#table-1 th button").nth(1).click()
    assert page.locator("#table-1 td:nth-child(2)").all_inner_texts() == [
        "−2 ± 1",
        "< 0.001",
        "10 [9, 11]",
        "9,252 ± 682",
        "–",
    ]


def test_the_filter_keeps_rows_that_have_all_words(visit):
    page = visit()
    box, count = page.locator("#trial-table input"), page.locator("#trial-table output")
    box.fill("BETA done")
    assert column(page, 1) == ["beta 1", "beta 3", "beta 5"]
    assert count.inner_text() == "3 of 7 rows"
    box.fill("nosuchword")
    assert count.inner_text() == "0 of 7 rows"
    box.fill("")
    assert count.inner_text() == "7 of 7 rows"


def saved(page, table: str, tmp_path: Path) -> list[list[str]]:
    with page.expect_download() as waiting:
        page.locator(f"{table} .export").click()
    waiting.value.save_as(tmp_path / "saved.csv")
    with (tmp_path / "saved.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def test_the_rows_shown_are_saved_as_csv(visit, tmp_path: Path):
    page = visit()
    page.locator("#trial-table input").fill("beta")
    sort_by(page, 3)
    rows = saved(page, "#trial-table", tmp_path)
    assert rows[0] == ["trial", "learner", "status", "test_accuracy"]
    assert [row[3] for row in rows[1:]] == ["0.125", "10", "–"]


def test_cells_of_the_saved_table_are_no_formulas(visit, tmp_path: Path):
    rows = saved(visit(), "#table-1", tmp_path)
    assert [row[0] for row in rows[1:]] == [f"'=row {i}" for i in range(5)]


def test_figures_enlarge_and_escape_gives_the_focus_back(visit):
    page = visit()
    button = page.get_by_role("button", name="Enlarge: Figure 2")
    small = page.locator("#figure-rise img").bounding_box()
    button.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Figure 2")
    assert dialog.locator("img").bounding_box()["width"] > 1.2 * small["width"]
    assert dialog.locator("img").get_attribute("alt") == "A line that rises from 0 to 1."
    page.keyboard.press("Escape")
    hidden(dialog)
    assert button.evaluate("(button) => document.activeElement === button")


def test_the_theme_follows_the_system_until_the_button_is_pressed(visit):
    def brightness(page) -> int:
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return int(colour.removeprefix("rgb(").split(",")[0])

    light, dark = visit(), visit(color_scheme="dark")
    assert brightness(light) > 240
    assert brightness(dark) < 40
    for page in (light, dark):
        page.locator("#theme").click()
    assert brightness(light) < 40
    assert brightness(dark) > 240
    assert light.locator("#theme").get_attribute("aria-pressed") == "true"


def test_figures_follow_the_theme(visit):
    """A picture is told by the page whether it is dark; a corner of it is its paper."""

    def corner(page) -> int:
        shot = page.locator(".plate img").first.screenshot()
        return min(Image.open(io.BytesIO(shot)).convert("RGB").getpixel((2, 2)))

    page = visit()
    assert corner(page) == 255
    page.locator("#theme").click()
    page.wait_for_function("matchMedia('(prefers-color-scheme: light)').matches")
    assert corner(page) < 60


def test_a_link_to_a_figure_leads_to_it(visit):
    page = visit(fragment="#figure-rise")
    page.wait_for_function(
        "(top => 0 <= top && top < 400)"
        "(document.querySelector('#figure-rise').getBoundingClientRect().y)",
        timeout=WAIT_MS,
    )
    page.locator("#table-1 .label").click()
    page.wait_for_url("**#table-1", timeout=WAIT_MS)


def test_a_link_to_a_trial_opens_it_with_everything_that_is_known(visit):
    page = visit(fragment=f"#trial-{1:016x}")
    dialog = page.get_by_role("dialog")
    text = dialog.inner_text()
    for part in ("learner · seed 1", "seed 1", "c" * 16, "slope", "25", "test_accuracy", "0.75"):
        assert part in text
    curve = dialog.get_by_role("img")
    assert "train_accuracy: 0.25 → 0.75" in curve.get_attribute("aria-label")
    points = curve.locator("polyline").get_attribute("points")
    assert points == "0.0,90.0 150.0,45.0 300.0,0.0"
    dialog.get_by_role("button", name="Close").click()
    page.wait_for_url("**#trials", timeout=WAIT_MS)
    page.locator("#trial-table").get_by_role("link", name=f"{6:016x}").click()
    shown(page.get_by_role("dialog").get_by_text("ValueError").first)


def test_what_a_trial_calls_itself_is_never_run(visit):
    page = visit(fragment=f"#trial-{1:016x}")
    shown(page.get_by_role("dialog").get_by_text(HOSTILE))
    assert page.locator("img[src=x]").count() == 0
    assert page.title() == "Report"


def test_the_contents_follow_the_reader(visit):
    page = visit()
    current = page.locator("nav [aria-current]")
    assert current.get_attribute("href") == "#summary"
    page.locator("nav a[href='#provenance']").click()
    page.wait_for_function(
        "document.querySelector('nav [aria-current]').hash === '#provenance'", timeout=WAIT_MS
    )
    assert current.count() == 1


def test_the_page_fits_a_phone_and_its_contents_are_folded(visit):
    phone, desk = visit(360), visit(1280)
    assert overhang(phone) == overhang(desk) == 0
    assert not phone.locator("nav ol").is_visible()
    assert desk.locator("nav ol").is_visible()
    phone.locator("nav summary").click()
    phone.locator("nav a[href='#trials']").click()
    hidden(phone.locator("nav ol"))


def test_the_width_check_notices_a_page_that_scrolls(visit):
    page = visit(360)
    page.evaluate("document.querySelector('main').firstElementChild.style.width = '600px'")
    assert overhang(page) > 200


def test_a_trial_fits_a_phone(visit):
    page = visit(360, fragment=f"#trial-{6:016x}")
    content = page.locator("dialog .content")
    shown(content)
    assert content.evaluate("(box) => box.scrollWidth - box.clientWidth") == 0


def test_everything_can_be_read_without_scripts(visit):
    page = visit(java_script_enabled=False)
    for part in ("A line rises.", "It is 97.1", "Not much."):
        assert page.get_by_text(part).first.is_visible()
    for summary in page.locator(".supplement > summary").all():
        summary.click()
    assert page.get_by_text("python -m study.run neurons").first.is_visible()
    assert page.locator("nav ol").is_visible()
    assert not page.locator("button:visible").count()
    page.locator(".experiment > summary").click()
    page.locator(f"#trial-{1:016x} > summary").click()
    assert page.locator(f"#trial-{1:016x}").get_by_text("test_accuracy").is_visible()
    assert page.locator(f"#trial-{1:016x} polyline").is_visible()
    assert page.get_by_text("moves only where scripts may run").first.is_visible()


def test_everything_opens_and_sorts_by_keyboard(visit):
    page = visit()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.wait_for_url("**#summary", timeout=WAIT_MS)
    page.locator("#trial-table th button").nth(3).focus()
    page.keyboard.press("Space")
    assert column(page, 3)[0] == "0.125"
    page.locator("#trial-table tbody a").first.focus()
    page.keyboard.press("Enter")
    shown(page.get_by_role("dialog"))


def number(text: str) -> float:
    return float(text.replace("−", "-").split()[0])


def move(page, label: str, value: float) -> None:
    page.get_by_role("slider", name=label).evaluate(
        "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')); }",
        value,
    )


@pytest.mark.parametrize(("current_na", "tau_ms"), [(0.2, 20), (0.35, 10), (0.1, 20)])
def test_the_neuron_of_the_page_fires_as_the_one_of_the_study(visit, current_na, tau_ms):
    page = visit()
    move(page, "Current", current_na)
    move(page, "Membrane time constant", tau_ms)
    cell = LIF(tau_mem_s=tau_ms * 1e-3)
    interval_s = float(cell.interval_s(np.array([current_na * 1e-9]))[0])
    told = page.locator("[data-measure=rate]").inner_text()
    assert number(told) == pytest.approx(1 / interval_s, rel=1e-3)
    assert number(page.locator("[data-measure=rheobase]").inner_text()) == pytest.approx(0.15)
    # The trace integrates step by step: it must agree with the closed form, late by a step a spike.
    trace = page.locator("[data-kind=lif] polyline.line-1").get_attribute("points").split()
    spikes = sum(point.endswith(",12.00") for point in trace)
    first_s = 0.02 + float(cell.rise_s(np.array([current_na * 1e-9]), cell.leak_v)[0])
    late_s = interval_s + 1e-4
    expected = 0 if np.isinf(first_s) else 1 + int((0.2 - first_s - 1e-4) / late_s)
    assert spikes == expected


def test_the_window_of_the_page_is_that_of_the_study(visit):
    page = visit()
    for tau_ms, distance_ms in ((15, 10), (30, 10), (30, -20)):
        move(page, "Time constant τ₊", tau_ms)
        move(page, "Distance of a pair", distance_ms)
        rule = replace(RULE, tau_plus_s=tau_ms * 1e-3)
        told = number(page.locator("[data-measure=change]").inner_text()) * 1e-3
        assert told == pytest.approx(float(window(rule, np.array(distance_ms * 1e-3))), rel=1e-3)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("fragment", ["", f"#trial-{6:016x}"])
def test_axe_finds_no_serious_violation(visit, scheme, width, fragment):
    page = visit(width, fragment, color_scheme=scheme, bypass_csp=True)
    page.evaluate(axe())
    found = page.evaluate("axe.run()")
    assert [
        (violation["id"], violation["nodes"][0]["html"])
        for violation in found["violations"]
        if violation["impact"] in {"serious", "critical"}
    ] == []


def axe() -> str:
    """Return axe-core: from where the environment says, or from the package that brings it."""
    bundled = find_spec("axe_playwright_python")
    if AXE not in os.environ and bundled is None:
        pytest.skip(f"neither is {AXE} set nor axe-playwright-python installed")
    beside = Path(bundled.origin).with_name("axe.min.js") if bundled and bundled.origin else Path()
    return Path(os.environ.get(AXE, beside)).read_text(encoding="utf-8")


def test_the_axe_check_notices_a_button_without_a_name(visit):
    page = visit(bypass_csp=True)
    page.evaluate("document.querySelector('main').append(document.createElement('button'))")
    page.evaluate(axe())
    found = page.evaluate("axe.run()")
    assert "button-name" in {violation["id"] for violation in found["violations"]}


@pytest.mark.parametrize("guarded", [True, False])
def test_the_content_policy_is_what_stops_requests(browser, address: str, tmp_path: Path, guarded):
    text = Path(address.removeprefix("file://")).read_text(encoding="utf-8")
    text = text.replace("<main>", '<main><img src="http://tracker.example/pixel" alt="">')
    text = text if guarded else text.replace("Content-Security-Policy", "nothing")
    (tmp_path / "page.html").write_text(text, encoding="utf-8")
    asked = []
    page = browser.new_page()
    page.route(re.compile("^http"), lambda route: (asked.append(route.request.url), route.abort()))
    page.goto((tmp_path / "page.html").as_uri())
    page.close()
    assert asked == ([] if guarded else ["http://tracker.example/pixel"])


def test_the_page_prints(visit, tmp_path: Path):
    from pypdf import PdfReader

    page = visit()
    page.pdf(path=tmp_path / "print.pdf", format="A4")
    text = " ".join(sheet.extract_text() for sheet in PdfReader(tmp_path / "print.pdf").pages)
    assert "A line rises." in text
    assert "Enlarge" not in text
    assert "Contents" not in text
