"""What the page can say: every outcome in four languages, in two voices where they differ."""

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from fellesskap_edge.kiosk import app
from fellesskap_edge.kiosk.app import LANGUAGES
from fellesskap_edge.spoken import Key, Told

HERE = Path(app.__file__).parent
TEXTS: dict[str, Any] = {
    language: json.loads((HERE / "locales" / f"{language}.json").read_text())
    for language in LANGUAGES
}
OF_THE_RIM = {"unreadable", "no_answer"}
"""Outcomes that the page's own server adds."""
MORE_KEYS = {"take_back", "take_out_one"}
CHOSEN = {"size", "carrier"}
"""These keys bear what can be chosen instead of words of their own."""


def flat(texts: dict[str, Any], path: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in texts.items():
        if isinstance(value, dict):
            found |= flat(value, f"{path}{key}.")
        elif isinstance(value, list):
            found |= {f"{path}{key}.{at}": one for at, one in enumerate(value)}
        else:
            found[path + key] = value
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_outcome_has_words_and_no_words_are_left_over(language: str) -> None:
    words = set(TEXTS[language]["outcomes"])
    outcomes = set(get_args(Told)) | OF_THE_RIM
    assert {one for one in words if not one.startswith("courier_")} == outcomes
    assert {one.removeprefix("courier_") for one in words} == outcomes


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_key_has_words_and_no_words_are_left_over(language: str) -> None:
    assert set(TEXTS[language]["keys"]) == set(get_args(Key)) - CHOSEN | MORE_KEYS


def test_a_courier_gets_words_of_their_own_only_where_they_differ() -> None:
    for language, texts in TEXTS.items():
        for outcome, words in texts["outcomes"].items():
            if outcome.startswith("courier_"):
                assert words != texts["outcomes"][outcome.removeprefix("courier_")], language


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_languages_say_the_same_things_of_the_same_doors(language: str) -> None:
    english, here = flat(TEXTS["en"]), flat(TEXTS[language])
    assert set(here) == set(english)
    for key, words in here.items():
        assert words.strip(), key
        assert set(re.findall(r"\{\w+\}", words)) == set(re.findall(r"\{\w+\}", english[key])), key


def test_the_languages_differ() -> None:
    for language in ("nb", "nn", "se"):
        here, english = flat(TEXTS[language]), flat(TEXTS["en"])
        same = {key for key, words in here.items() if words == english[key]}
        assert not same, f"{language} is not translated: {same}"


def test_the_page_uses_every_text_that_it_has() -> None:
    source = "".join(path.read_text() for path in HERE.glob("static/*.js"))
    source += (HERE / "templates/kiosk.html").read_text()
    for key in TEXTS["en"]["page"]:
        assert re.search(rf"\b{key}\b", source), f"nothing shows page.{key}"
    for key in TEXTS["en"]["noted"]:
        assert key in get_args(Key)


def test_every_key_has_a_sign() -> None:
    icons = (HERE / "static/icons.js").read_text()
    for key in get_args(Key):
        assert re.search(rf"^  {key}: ", icons, re.MULTILINE), key
