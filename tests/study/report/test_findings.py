"""The first screen says at most four things, the sure ones first, each with its figure."""

from __future__ import annotations

from matplotlib.figure import Figure as Drawing

from study.analysis.section import Figure, Section
from study.report.findings import FIRST, Finding, first, leading


def section(name: str, *told: str, drawn: bool = True, lead: tuple[str, ...] = ()) -> Section:
    figures = (Figure(f"{name}-drawn", Drawing(), "", "", ""),) if drawn else ()
    return Section(name, name.title(), "Which?", "", findings=told, lead=lead, figures=figures)


NOISE = section("frugality", "Few labels: A leads by 1 (tied).", "Noise: A leads by 40 (sure).")
BRIDGE = section("bridge", "All spikes agree.", drawn=False)
OTHER = section("dynamics", "It fires.")
ANSWER = ("Best is A.", "Tied with A: B.", "A is 3 above C.", "Without a rival: D.")
HEADLINES = ("Best is A.", "A is 3 above C.")


def test_learners_come_first_then_what_is_sure_of_noise_and_the_bridge() -> None:
    found, left = first(ANSWER, HEADLINES, [OTHER, NOISE, BRIDGE], "picture")
    assert found == (
        Finding("Best is A.", "picture"),
        Finding("A is 3 above C.", "picture"),
        Finding("Noise: A leads by 40 (sure).", "frugality-drawn"),
        Finding("All spikes agree.", ""),
    )
    assert left == ("Tied with A: B.", "Without a rival: D.")


def test_there_are_never_more_than_four_and_none_is_lost() -> None:
    many = tuple(f"Set {n}." for n in range(6))
    found, left = first(many, many, [NOISE, BRIDGE], "")
    assert len(found) == FIRST
    assert [finding.text for finding in found[:2]] == ["Set 0.", "Set 1."]
    assert left == many[2:]


def test_where_no_learners_are_compared_sections_speak_with_their_own_figures() -> None:
    told = ("It fires.", *(f"More {n}." for n in range(5)))
    found, left = first(told, (), [OTHER, section("empty", drawn=False)], "")
    assert found[0] == Finding("It fires.", "dynamics-drawn")
    assert found[1:] == tuple(Finding(text) for text in told[1:FIRST])
    assert left == told[FIRST:]


def test_what_a_section_leads_with_goes_before_its_findings() -> None:
    assert leading(section("x", "Found.", lead=("Led.",))).text == "Led."
    assert leading(section("x", "First.", "Second.")).text == "First."
