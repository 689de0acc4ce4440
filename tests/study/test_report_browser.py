"""The page in a real browser: script, layout on a phone, and that it asks for nothing outside."""

import html
import json
import re
import shutil
import subprocess
import threading
from base64 import b64encode
from datetime import UTC, datetime
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest
from matplotlib.figure import Figure as Drawing

from study.report.document import FailedTrial, Report
from study.report.render import render
from study.report.section import Figure, Section, Table

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next((path for path in map(shutil.which, BROWSERS) if path), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason=f"none of {', '.join(BROWSERS)} is on PATH"),
]

ACCURACIES = (0.5, None, 0.25, 10.0, 9.0, 0.125)
LONG = "averylongword" * 20

# Runs before everything else in the page, acts as a reader once it is loaded, tells its host.
SELF_TEST = """
const violations = [];
addEventListener("securitypolicyviolation", (event) => violations.push(event.blockedURI));
addEventListener("load", () => {
  const column = (index) => Array.from(
    document.querySelectorAll("#trial-table tbody tr:not([hidden])"),
    (row) => row.cells[index].textContent);
  const headers = document.querySelectorAll("#trial-table th");
  const click = (index) => {
    headers[index].querySelector("button").click();
    return { cells: column(index), sort: headers[index].getAttribute("aria-sort") };
  };
  const type = (text) => {
    const box = document.querySelector("#trial-filter");
    box.value = text;
    box.dispatchEvent(new Event("input"));
    return { cells: column(0), count: document.querySelector("#trial-count").textContent };
  };
  const paper = () => getComputedStyle(document.body).backgroundColor;
  const found = {
    width: innerWidth,
    overhang: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    contentsOpen: document.querySelector("nav details").open,
    unloaded: Array.from(document.images).filter((image) => image.naturalWidth === 0).length,
    ascending: click(1), descending: click(1), text: click(0), sortBefore: headers[1].ariaSort,
    filtered: type("BETA done"), none: type("nosuchword"), all: type(""),
    light: paper(),
  };
  document.querySelector("#theme").click();
  found.dark = paper();
  found.resources = performance.getEntriesByType("resource")
    .map((entry) => entry.name).filter((name) => !name.startsWith("data:"));
  found.violations = violations;
  parent.postMessage(JSON.stringify(found), "*");
});
"""

# Windows have a least width, frames have none.
HOST = """<!DOCTYPE html>
<output></output>
<script>
addEventListener("message", (event) => {
  document.querySelector("output").textContent = event.data;
});
</script>
<iframe src="page.html" style="border: 0; width: %dpx; height: 800px"></iframe>
"""


class Visit(NamedTuple):
    """What the page told, and what the browser's console said."""

    found: dict
    console: list[str]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    drawing = Drawing(figsize=(9, 3))
    drawing.subplots().plot([0, 1])
    picture = Figure("rise", drawing, "A line rises.", "A rising line.", "n = 1")
    wide = Table("Wide.", tuple(f"column {i}" for i in range(20)), (("cell",) * 20,))
    section = Section(
        "s", LONG, LONG, LONG, ("sum_(i=1)^N x_i + y_i + z_i " * 8,), (picture,), (wide,), (LONG,)
    )
    rows = [
        (f"{'beta' if i % 2 else 'alpha'} {i}", accuracy, "done", LONG)
        for i, accuracy in enumerate(ACCURACIES)
    ]
    report = Report(
        title="Report",
        subtitle=LONG,
        command=LONG,
        profile="quick",
        created=datetime(2026, 1, 1, tzinfo=UTC),
        sections=(section,),
        failures=(FailedTrial(LONG, "1f", "ValueError", LONG, LONG * 3),),
        trial_columns=("trial", "test_accuracy", "status", "config.long"),
        trial_rows=rows,
        provenance={"data": {LONG: LONG}},
    )
    out = tmp_path_factory.mktemp("browser")
    render(report, out)
    return (out / "report.html").read_text(encoding="utf-8")


def visit(page: str, folder: Path, width: int = 1280) -> Visit:
    """Load a copy of the page with the self test in it; the content policy stays in force."""
    digest = b64encode(sha256(SELF_TEST.encode()).digest()).decode()
    page = page.replace("script-src ", f"script-src 'sha256-{digest}' ")
    page = page.replace("<title>", f"<script>{SELF_TEST}</script><title>", 1)
    (folder / "page.html").write_text(page, encoding="utf-8")
    host = folder / "host.html"
    host.write_text(HOST % width, encoding="utf-8")
    command = [
        str(BROWSER),
        *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"),
        *("--disable-background-networking", "--disable-component-update"),
        f"--user-data-dir={folder / 'profile'}",
        *("--enable-logging=stderr", "--v=0", "--virtual-time-budget=2000", "--dump-dom"),
        host.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    told = re.search(r"<output>(.+?)</output>", done.stdout, re.DOTALL)
    assert told, done.stderr
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return Visit(json.loads(html.unescape(told[1])), console)


@pytest.fixture(scope="module")
def desk(page: str, tmp_path_factory: pytest.TempPathFactory) -> Visit:
    return visit(page, tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def phone(page: str, tmp_path_factory: pytest.TempPathFactory) -> Visit:
    return visit(page, tmp_path_factory.mktemp("phone"), width=375)


def test_the_console_stays_empty(desk: Visit, phone: Visit):
    assert desk.console == phone.console == []


def test_all_pictures_load_and_nothing_is_asked_for(desk: Visit):
    assert desk.found["unloaded"] == 0
    assert desk.found["resources"] == desk.found["violations"] == []


def test_numbers_sort_as_numbers_with_missing_ones_last(desk: Visit):
    rising = ["0.125", "0.25", "0.5", "9", "10"]
    assert desk.found["ascending"] == {"cells": [*rising, "–"], "sort": "ascending"}
    assert desk.found["descending"] == {"cells": [*rising[::-1], "–"], "sort": "descending"}


def test_text_sorts_as_text_and_only_one_column_is_marked(desk: Visit):
    names = ["alpha 0", "alpha 2", "alpha 4", "beta 1", "beta 3", "beta 5"]
    assert desk.found["text"] == {"cells": names, "sort": "ascending"}
    assert desk.found["sortBefore"] == "none"


def test_the_filter_keeps_rows_that_have_all_words(desk: Visit):
    assert desk.found["filtered"] == {
        "cells": ["beta 1", "beta 3", "beta 5"],
        "count": "3 of 6 trials",
    }
    assert desk.found["none"] == {"cells": [], "count": "0 of 6 trials"}
    assert desk.found["all"]["count"] == "6 of 6 trials"


def test_the_button_changes_the_theme(desk: Visit):
    assert desk.found["light"] == "rgb(255, 255, 255)"
    assert desk.found["dark"] == "rgb(21, 24, 28)"


def test_the_page_fits_a_phone_and_its_contents_are_folded(desk: Visit, phone: Visit):
    assert phone.found["width"] == 375
    assert phone.found["overhang"] == desk.found["overhang"] == 0
    assert not phone.found["contentsOpen"]
    assert desk.found["contentsOpen"]


def test_the_width_check_notices_a_page_that_scrolls(page: str, tmp_path: Path):
    wide = page.replace("<main>", '<main><p style="width: 600px">wide</p>')
    assert visit(wide, tmp_path, width=375).found["overhang"] > 200


@pytest.mark.parametrize("guarded", [True, False])
def test_the_content_policy_is_what_stops_requests(page: str, tmp_path: Path, guarded: bool):
    asked = []

    class Counter(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Counter) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        picture = f'<img src="http://127.0.0.1:{server.server_port}/tracker" alt="">'
        page = page.replace("<main>", "<main>" + picture)
        if not guarded:
            page = page.replace("Content-Security-Policy", "nothing")
        told = visit(page, tmp_path)
        server.shutdown()
        thread.join()
    assert asked == ([] if guarded else ["/tracker"])
    assert bool(told.found["violations"]) == guarded
    assert bool(told.console) == guarded
