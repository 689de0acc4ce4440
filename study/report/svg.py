"""Drawings for the page: what matplotlib writes as SVG, in fewer bytes."""

from __future__ import annotations

import io
import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple
from urllib.parse import quote
from xml.etree import ElementTree as ET

from study.report.dark import darken

SVG = "{http://www.w3.org/2000/svg}"
HREF = "{http://www.w3.org/1999/xlink}href"
FRACTION = re.compile(r"-?\d*\.\d{3,}(?![\de])")
SHIFT = re.compile(r"translate\([^)]*\)")
PATH_PART = re.compile(r"[A-Za-z]|-?\d*\.?\d+(?:e[-+]?\d+)?")
LENGTHS = ("d", "x", "y", "width", "height", "style")
PNG = "data:image/png;base64,"
WEBP = "data:image/webp;base64,"
PIXELS_PER_POINT = 4 / 3
RUN = 3  # equal marks that are worth a path of their own

ET.register_namespace("", SVG[1:-1])


class Picture(NamedTuple):
    """An image for the page: its address with everything in it, and its size in CSS pixels."""

    uri: str
    width: int
    height: int


def picture(svg: bytes) -> Picture:
    """Return a drawing of matplotlib as a data address.

    It looks the same: lengths are rounded to hundredths of a point, a raster in it is packed
    without loss, comments, names that nothing refers to and empty groups go, and runs of equal
    marks become one path. On a dark page its colours are those of `study.report.dark`.
    """
    root = ET.fromstring(svg)
    for metadata in root.findall(f"{SVG}metadata"):
        root.remove(metadata)
    _shorten(root)
    _merge_marks(root)
    _flatten(root)
    darken(root)
    width, height = (float(size) for size in root.attrib["viewBox"].split()[2:])
    text = ET.tostring(root, encoding="unicode")
    text = text if "'" in text else text.replace('"', "'")
    # Percent signs cost less than base64.
    uri = "data:image/svg+xml," + quote(text, safe=" =:/,;()'!*+&$?@")
    return Picture(uri, round(width * PIXELS_PER_POINT), round(height * PIXELS_PER_POINT))


def _shorten(root: ET.Element) -> None:
    used = set(re.findall(r"#([^\")]+)", ET.tostring(root, encoding="unicode")))
    for element in root.iter():
        element.text = element.text if element.tag == f"{SVG}style" else None
        element.tail = None
        attributes = element.attrib
        if attributes.get("id") not in used:
            attributes.pop("id", None)
        if HREF in attributes:
            attributes["href"] = _smaller_raster(attributes.pop(HREF))
        for key in LENGTHS:
            if key in attributes:
                attributes[key] = FRACTION.sub(_rounded, attributes[key])
        # A factor multiplies what it is applied to, so that it keeps its digits.
        if "transform" in attributes:
            attributes["transform"] = SHIFT.sub(
                lambda shift: FRACTION.sub(_rounded, shift[0]), attributes["transform"]
            )
        if "style" in attributes:
            attributes["style"] = re.sub(r"([:;])\s+", r"\1", attributes["style"])
        if "d" in attributes:
            attributes["d"] = _dense(attributes["d"])


def _rounded(number: re.Match[str]) -> str:
    return _short(float(number[0]))


def _short(value: float) -> str:
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _dense(path: str) -> str:
    """Return path data without needless blanks and letters."""
    dense, command, last = "", "", "M"
    for part in PATH_PART.findall(path):
        if part == "L" and command in {"M", "L"}:
            continue  # further pairs are further lines
        if part.isalpha():
            command = part
        elif not last.isalpha() and not part.startswith("-"):
            dense += " "
        dense += part
        last = part
    return dense


def _smaller_raster(address: str) -> str:
    from PIL import Image

    if not address.startswith(PNG):
        return address
    smaller = io.BytesIO()
    raster = Image.open(io.BytesIO(b64decode(address.removeprefix(PNG))))
    raster.save(smaller, "webp", lossless=True, exact=True)
    return WEBP + b64encode(smaller.getvalue()).decode()


def _merge_marks(root: ET.Element) -> None:
    """Make groups of one straight opaque mark, as in a raster of spikes, one path."""
    shapes = {
        f"#{path.attrib['id']}": path
        for path in root.iter(f"{SVG}path")
        if "id" in path.attrib and not set(path.get("d", "")) & set("CQHVz")
    }
    for group in root.iter(f"{SVG}g"):
        marks = list(group)
        kinds = {(mark.attrib.get("href", ""), mark.attrib.get("style", "")) for mark in marks}
        if len(marks) < RUN or len(kinds) > 1 or any(mark.tag != f"{SVG}use" for mark in marks):
            continue
        (kind,) = kinds
        shape = shapes.get(kind[0])
        if shape is None or "transform" in marks[0].attrib:
            continue
        style = f"{kind[1]};{shape.attrib.get('style', '')}"
        if "opacity" in style:
            continue
        group[:] = [ET.Element(f"{SVG}path", {"d": _stamped(shape, marks), "style": style})]


def _stamped(shape: ET.Element, marks: Sequence[ET.Element]) -> str:
    """Return a mark at all its places: the first point absolute, the others relative to it."""
    numbers = [float(part) for part in PATH_PART.findall(shape.attrib["d"]) if not part.isalpha()]
    points = list(zip(numbers[::2], numbers[1::2], strict=True))
    steps = "".join(f"l{_short(x - x0)} {_short(y - y0)}" for (x0, y0), (x, y) in pairwise(points))
    return _dense(
        "".join(
            f"M{_short(float(mark.get('x', 0)) + points[0][0])} "
            f"{_short(float(mark.get('y', 0)) + points[0][1])}{steps}"
            for mark in marks
        )
    )


def _flatten(element: ET.Element) -> None:
    """Replace groups that say nothing by what they hold."""
    for child in list(element):
        _flatten(child)
    element[:] = [
        inner
        for child in element
        for inner in (child if child.tag == f"{SVG}g" and not child.attrib else [child])
    ]
