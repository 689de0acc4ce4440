"""One Korean word a term: the catalogue against the glossary of the readers' own terms."""

import json
import re

import pytest

from study.report.language import FOLDER, catalogue

GLOSSARY = json.loads((FOLDER / "ko_glossary.json").read_text(encoding="utf-8"))
TEXTS = [(key, text) for group in catalogue("ko").values() for key, text in group.items()]
SECTIONS = sorted(catalogue("ko"))


def says(term: str, template: str) -> bool:
    return bool(re.search(rf"\b{re.escape(term)}s?\b", template, re.IGNORECASE))


@pytest.mark.parametrize("entry", GLOSSARY, ids=lambda entry: entry["english"])
def test_a_term_has_its_word_wherever_it_stands(entry: dict):
    said = [(key, text) for key, text in TEXTS if says(entry["english"], key)]
    assert said, "a term that no sentence uses"
    assert [text for _, text in said if entry["korean"] not in text] == []


@pytest.mark.parametrize("entry", GLOSSARY, ids=lambda entry: entry["english"])
def test_no_other_word_stands_for_a_term(entry: dict):
    others = [other for other in entry["never"] if other not in entry["korean"]]
    assert others == entry["never"]
    assert [text for _, text in TEXTS for other in others if other in text] == []


def test_no_english_term_stands_twice():
    terms = [entry["english"] for entry in GLOSSARY]
    assert len(set(terms)) == len(terms)


@pytest.mark.parametrize("section", SECTIONS)
def test_korean_sentences_have_no_semicolons(section: str):
    assert [text for text in catalogue("ko")[section].values() if ";" in text] == []
