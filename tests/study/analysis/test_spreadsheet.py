"""No cell of a CSV is run by the spreadsheet that opens it."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

from study.analysis.spreadsheet import csv, harmless

FORMULAS = [
    "=1+1",
    "+1+1|x",
    "-1+1|cmd",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "＝1+1",
    '=HYPERLINK("a")',
]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_that_is_run_gets_an_apostrophe_wherever_it_stands(text: str) -> None:
    table = pd.DataFrame({"dataset": [text, "plain"], text: [1.5, -2.5]})
    back = pd.read_csv(io.BytesIO(csv(table)), keep_default_na=False)
    assert back.shape == (2, 2)
    assert back["dataset"][0].startswith("'")
    assert back.columns[1].startswith("'")
    assert back.iloc[:, 1].tolist() == [1.5, -2.5]


@pytest.mark.parametrize("cell", [-1, -1.5, "-1.5", "+3", "-1e-3", "-inf", None, "a=1", "a-1", ""])
def test_numbers_and_other_texts_stay_as_they_are(cell: object) -> None:
    assert harmless(cell) is cell


def test_a_table_without_formulas_is_written_as_pandas_writes_it() -> None:
    table = pd.DataFrame(
        {"a": [1, -2], "b": [0.1, np.nan], "c": ["x, y", None], "d": [True, False], "e": [None, 3]}
    )
    assert csv(table) == table.to_csv(index=False).encode()


def test_any_character_can_be_written() -> None:
    assert b"\\udcff" in csv(pd.DataFrame({"a": ["\udcff"]}))
