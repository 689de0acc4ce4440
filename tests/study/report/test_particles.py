"""Particles against readings that were written down by hand."""

import json
import re

import pytest

from study.report.language import FOLDER, Language
from study.report.particles import FORMS, agreed

OPEN, CLOSED, RIEUL = "가 를 로", "이 을 으로", "이 을 로"
READINGS = {
    "0": CLOSED,
    "1": RIEUL,
    "2": OPEN,
    "3": CLOSED,
    "4": OPEN,
    "5": OPEN,
    "6": CLOSED,
    "7": RIEUL,
    "8": RIEUL,
    "9": OPEN,
    "10": CLOSED,
    "0.2": OPEN,
    "1,000": CLOSED,
    "25": OPEN,
    "97.1 ± 1.1": RIEUL,
    "0.10": CLOSED,
    "90 %": OPEN,
    "30 ms": OPEN,
    "5.0 nJ": RIEUL,
    "86 % [85, 87]": OPEN,
    "LIF": OPEN,
    "DVS-N": CLOSED,
    "HTML": RIEUL,
    "mlp (시드 3개)": OPEN,
    "kernel": RIEUL,
    "run": CLOSED,
    "linear": OPEN,
    "경사": OPEN,
    "값": CLOSED,
    "샘플": RIEUL,
    "diehl-cook": CLOSED,
    "surrogate": OPEN,
    "-": OPEN,
}


@pytest.mark.parametrize("word", READINGS)
def test_a_particle_follows_what_is_read_aloud(word: str):
    told = [agreed(f"{word}{both}").removeprefix(word) for both in ("이(가)", "을(를)", "(으)로")]
    assert " ".join(told) == READINGS[word]


def test_every_form_has_its_pair():
    after_consonant, after_vowel = "값", "나무"
    for both, (closed, opened) in FORMS.items():
        assert agreed(after_consonant + both) == after_consonant + closed
        assert agreed(after_vowel + both) == after_vowel + opened


def test_the_catalogue_leaves_no_particle_behind_a_value_to_chance():
    bare = re.compile(r"\{\w+\}(?:은|는|이|가|을|를|과|와|로|으로)(?![가-힣(])")
    files = sorted((FOLDER / "ko").glob("*.json"))
    texts = [text for path in files for text in json.loads(path.read_text("utf-8")).values()]
    assert [text for text in texts if bare.search(text)] == []


def test_a_translation_agrees_with_what_is_filled_in(monkeypatch: pytest.MonkeyPatch):
    language = Language("ko")
    monkeypatch.setitem(language._texts, "It went to {}.", "{0}(으)로 갔다.")
    told = [language.translate(f"It went to {number}.") for number in (10, 7, 2)]
    assert told == ["10으로 갔다.", "7로 갔다.", "2로 갔다."]
