"""Drawings of the page: fewer bytes, the same picture."""

import io
import re
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image

from study.report.svg import SVG, _dense, _short, picture

PREFIX = "data:image/svg+xml,"


def saved(drawing: Figure) -> bytes:
    buffer = io.BytesIO()
    drawing.savefig(buffer, format="svg")
    return buffer.getvalue()


def shrunk(svg: bytes) -> tuple[str, ET.Element]:
    uri = picture(svg).uri
    assert uri.startswith(PREFIX)
    text = unquote(uri.removeprefix(PREFIX))
    return text, ET.fromstring(text)


@pytest.fixture(scope="module")
def raster() -> tuple[bytes, np.ndarray]:
    times = np.round(np.linspace(0, 1, 400) ** 2, 3)
    drawing = Figure(figsize=(4, 3))
    ax = drawing.subplots()
    ax.plot(times, np.arange(400) % 7, ls="", marker="|")
    ax.set_xlim(0, 1)
    ax.set_title("a 'quoted' & <marked> title")
    return saved(drawing), times


def test_a_drawing_needs_far_fewer_bytes_and_keeps_its_size(raster):
    svg, _ = raster
    small = picture(svg)
    assert len(small.uri) < len(svg) / 2
    assert (small.width, small.height) == (384, 288)


def test_an_address_holds_nothing_that_html_or_addresses_would_read(raster):
    uri = picture(raster[0]).uri
    assert not set(uri) & set('"<>#\n')
    assert re.fullmatch(r"(?:[^%]|%[0-9A-F]{2})*", uri)


def test_every_mark_of_a_raster_stays_at_its_place(raster):
    svg, times = raster
    _, root = shrunk(svg)
    paths = [path.get("d", "") for path in root.iter(f"{SVG}path")]
    (marks,) = [path for path in paths if path.count("M") == len(times)]
    x = np.array([float(found) for found in re.findall(r"M(-?[\d.]+)", marks)])
    left, right = x[0], x[-1]
    assert (x - left) / (right - left) == pytest.approx(times, abs=1e-3)


def test_every_name_that_is_referred_to_is_there(raster):
    text, root = shrunk(raster[0])
    ids = {element.get("id") for element in root.iter() if "id" in element.attrib}
    assert ids
    assert set(re.findall(r"#([\w-]+)[')]", text)) - set(re.findall("#([0-9a-f]{6})", text)) <= ids


def test_see_through_marks_are_not_merged_as_their_overlaps_are_darker():
    drawing = Figure(figsize=(2, 2))
    drawing.subplots().plot([0, 0, 0, 1], [0, 0, 0, 1], ls="", marker="|", alpha=0.3)
    _, root = shrunk(saved(drawing))
    uses = [use.get("href") for use in root.iter(f"{SVG}use") if "opacity" in use.get("style", "")]
    assert len(uses) == 4


def test_a_raster_image_keeps_every_pixel():
    drawing = Figure(figsize=(2, 2))
    values = np.random.default_rng(0).random((40, 40))
    drawing.subplots().imshow(values, interpolation="none")
    svg = saved(drawing)
    before = re.search(rb"data:image/png;base64,([^\"]+)", svg)
    after = re.search(r"data:image/webp;base64,([^'\"]+)", shrunk(svg)[0])
    assert before is not None
    assert after is not None
    images = [pixels(found[1]) for found in (before, after)]
    assert np.array_equal(*images)


def pixels(text: str | bytes) -> np.ndarray:
    from base64 import b64decode

    return np.asarray(Image.open(io.BytesIO(b64decode(text))).convert("RGBA"))


@given(st.floats(-1e4, 1e4))
def test_lengths_are_rounded_to_hundredths(value: float):
    text = _short(value)
    assert float(text) == pytest.approx(value, abs=0.00501)
    assert len(text.partition(".")[2]) <= 2
    assert text != "-0"


POINT = st.tuples(st.integers(-999, 999), st.integers(-999, 999))


@given(st.lists(st.tuples(st.sampled_from("ML"), POINT), min_size=1))
def test_dense_paths_have_the_same_points(parts):
    path = " \n".join(f"{command} {x} {y}" for command, (x, y) in [("M", (0, 0)), *parts])
    dense = _dense(path)
    assert [int(n) for n in re.findall(r"-?\d+", dense)] == [
        int(n) for n in re.findall(r"-?\d+", path)
    ]
    assert dense.count("M") == path.count("M")
    assert "L" not in dense
    assert len(dense) < len(path)


def test_curves_and_closed_paths_keep_their_letters():
    assert _dense("M 0 1 \nL 2 -3 \nQ 1 1 2 2 \nL 4 5 \nz\nM 1 1") == "M0 1 2-3Q1 1 2 2L4 5zM1 1"
