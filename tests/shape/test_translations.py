from __future__ import annotations

import re
import shutil

import polib
import pytest

from scripts.messages import BORROWED, CATALOGUE, extract, key

PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[sd]|\{\w*\}")


@pytest.fixture(scope="module")
def catalogue() -> polib.POFile:
    return polib.pofile(str(CATALOGUE))


def translations(entry: polib.POEntry) -> list[str]:
    return list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]


class TestChinese:
    def test_is_there_for_every_text(self, catalogue: polib.POFile) -> None:
        assert [entry.msgid for entry in catalogue if not entry.translated()] == []

    def test_is_never_guessed(self, catalogue: polib.POFile) -> None:
        assert [entry.msgid for entry in catalogue.fuzzy_entries()] == []

    def test_fills_in_the_same_facts(self, catalogue: polib.POFile) -> None:
        differing = [
            (entry.msgid, text)
            for entry in catalogue
            for text in translations(entry)
            if set(PLACEHOLDER.findall(text)) - set(PLACEHOLDER.findall(entry.msgid + entry.msgid_plural))
            or (not entry.msgid_plural and set(PLACEHOLDER.findall(entry.msgid)) - set(PLACEHOLDER.findall(text)))
        ]

        assert differing == []

    def test_is_what_the_compiled_file_says(self, catalogue: polib.POFile) -> None:
        compiled = polib.mofile(str(CATALOGUE.with_suffix(".mo")))

        assert {key(it): translations(it) for it in compiled} == {key(it): translations(it) for it in catalogue}

    @pytest.mark.skipif(not shutil.which("xgettext"), reason="needs xgettext (apt install gettext)")
    def test_covers_what_the_source_marks_and_nothing_else(self, catalogue: polib.POFile) -> None:
        marked = {key(entry) for entry in extract()}
        listed = {key(entry) for entry in catalogue if BORROWED not in entry.tcomment}

        assert sorted(marked - {key(entry) for entry in catalogue}, key=str) == [], "make messages adds them"
        assert sorted(listed - marked, key=str) == [], "make messages drops them"
