"""Korean particles by the sound of the word before them: ``25은(는)`` becomes ``25는``.

A translation writes both forms behind a value, ``은(는)``, ``이(가)``, ``을(를)``, ``과(와)``
or ``(으)로``, and `agreed` keeps the one that fits what was filled in. The sound is that of the
last syllable: of Hangul by its final consonant, of a number as it is read aloud (``10`` is 십,
``0.5`` ends with 오), of a unit or a sign by its name, of Latin letters one by one in
abbreviations (``LIF`` ends with 에프) and by a rule of thumb in words. What stands in brackets
behind a word is not read.
"""

from __future__ import annotations

import re

FORMS = {
    "은(는)": ("은", "는"),
    "이(가)": ("이", "가"),
    "을(를)": ("을", "를"),
    "과(와)": ("과", "와"),
    "(으)로": ("으로", "로"),
}
"""Forms after a final consonant and after a vowel."""
BOTH = re.compile("|".join(map(re.escape, FORMS)))
HANGUL = re.compile("[가-힣]")
BRACKETS = re.compile(r"\s?(?:\([^()]*\)|\[[^\[\]]*\])$")
NAMES = {
    "%": "트", "%p": "트", "ms": "초", "s": "초", "mV": "트", "V": "트", "Hz": "츠", "nA": "어",
    "µV": "트", "nJ": "줄", "J": "줄", "mJ": "줄", "µJ": "줄", "pJ": "줄", "°": "도",
}  # fmt: skip
"""Last syllable, or one that sounds like it, of units and signs."""
DIGITS = "영일이삼사오육칠팔구"
LETTERS = {"L": "엘", "M": "엠", "N": "엔", "R": "알"}  # names of the others end with a vowel
L_SOUND = re.compile(r"(?:l|ll|le)$")
FINAL_SOUND = re.compile(r"(?:[mn]e?|ng|[aeiou][bckpt]|ck)$")
WORD = re.compile(r"(?:%p|°|%|[A-Za-zµ]+|[\d,.]*\d|[가-힣])$")
NONE, RIEUL = 0, 8  # finals as Unicode numbers them


def agreed(text: str) -> str:
    """Return ``text`` with one form of each particle that it gives in two.

    Examples
    --------
    >>> agreed("25은(는) 10(으)로, 7(으)로 바뀌고 mlp과(와) LIF이(가) 남는다.")
    '25는 10으로, 7로 바뀌고 mlp와 LIF가 남는다.'
    """
    return BOTH.sub(lambda found: _form(text[: found.start()], found[0]), text)


def without_semicolons(text: str) -> str:
    """Return Korean ``text`` with a full stop or a comma for each semicolon, which it has not.

    Examples
    --------
    >>> without_semicolons("하나는 크다; 둘은 작다.")
    '하나는 크다. 둘은 작다.'
    >>> without_semicolons("크기 3; 수 2")
    '크기 3, 수 2'
    """
    return re.sub(r"(?<!다); ", ", ", text.replace("다; ", "다. ")) if HANGUL.search(text) else text


def final(before: str) -> int:
    """Return the final consonant of the last syllable as it is read: 0 without, 8 for ㄹ."""
    bare = before.rstrip(" ·'\"”’")
    while (shorter := BRACKETS.sub("", bare)) != bare and shorter:
        bare = shorter
    found = WORD.search(bare)
    if not found:
        return NONE
    word = found[0]
    if word in NAMES:
        return _final(NAMES[word])
    if word[-1].isdigit():
        return _final(_read(word))
    return _final(word[-1]) if not word[-1].isascii() else _latin(word)


def _form(before: str, both: str) -> str:
    consonant, vowel = FORMS[both]
    sound = final(before)
    closed = sound not in (NONE, RIEUL) if both == "(으)로" else sound != NONE
    return consonant if closed else vowel


def _final(syllable: str) -> int:
    return (ord(syllable) - ord("가")) % 28 if "가" <= syllable <= "힣" else NONE


def _read(number: str) -> str:
    """Return the last syllable of a number: of its last digit, or of the power it ends with."""
    whole = number.replace(",", "")
    if "." in whole or not whole.endswith("0") or not whole.strip("0"):
        return DIGITS[int(whole[-1])]
    zeros = len(whole) - len(whole.rstrip("0"))
    return "십백천만"[min(zeros, 4) - 1]


def _latin(word: str) -> int:
    if word.isupper():
        return _final(LETTERS.get(word[-1], "가"))
    if L_SOUND.search(word):
        return RIEUL
    return 4 if FINAL_SOUND.search(word) else NONE
