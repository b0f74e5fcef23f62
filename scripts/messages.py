"""
The Chinese catalogue: collects every text marked for translation, keeps what is translated, compiles what users need.

`make messages` writes it and tells what is still missing. The compiled file is committed: a user has no gettext.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import django
import polib
from django.conf import settings
from django.core.management import call_command

ROOT = Path(__file__).resolve().parents[1]
CATALOGUE = ROOT / "locale/zh_Hans/LC_MESSAGES/django.po"
BORROWED = "theme"  # a comment on texts of the admin theme and of libraries, which no source of ours marks
SKIPPED = {"tests", "benchmarks", "scripts", "locale"}
Key = tuple[str | None, str]


def key(entry: polib.POEntry) -> Key:
    return entry.msgctxt, entry.msgid


def extract() -> polib.POFile:
    """Every text that our code and templates mark, with the places that use it. Needs gettext's xgettext."""
    with TemporaryDirectory() as folder:
        mirror, locale = Path(folder, "source"), Path(folder, "locale")
        _mirror(mirror)
        locale.mkdir()
        before, settings.LOCALE_PATHS = settings.LOCALE_PATHS, [str(locale)]
        here = Path.cwd()
        os.chdir(mirror)
        try:
            call_command(
                "makemessages", locale=["zh_Hans"], extensions=["py", "html", "txt"], keep_pot=True, verbosity=0
            )
        finally:
            os.chdir(here)
            settings.LOCALE_PATHS = before
        return polib.pofile(str(locale / "django.pot"))


def merge(catalogue: polib.POFile, found: polib.POFile) -> None:
    """Add what is new, drop what nobody uses any more, and keep every translation that still fits."""
    known = {key(entry): entry for entry in catalogue}
    wanted = {key(entry) for entry in found}
    for entry in found:
        old = known.get(key(entry))
        if old is None:
            catalogue.append(entry)
        else:
            old.occurrences, old.flags = entry.occurrences, entry.flags
            if entry.msgid_plural and not old.msgid_plural:
                old.msgid_plural, old.msgstr_plural, old.msgstr = entry.msgid_plural, {0: old.msgstr}, ""
    for entry in list(catalogue):
        if key(entry) not in wanted and BORROWED not in entry.tcomment:
            catalogue.remove(entry)


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backoffice.settings")
    django.setup()
    catalogue = polib.pofile(str(CATALOGUE), wrapwidth=110) if CATALOGUE.exists() else _new()
    merge(catalogue, extract())
    catalogue.sort(key=lambda entry: (BORROWED in entry.tcomment, entry.msgid, entry.msgctxt or ""))
    for entry in catalogue:
        entry.occurrences = sorted({(path, "") for path, _line in entry.occurrences})  # a line number changes too often
    CATALOGUE.parent.mkdir(parents=True, exist_ok=True)
    catalogue.save(str(CATALOGUE))
    catalogue.save_as_mofile(str(CATALOGUE.with_suffix(".mo")))
    missing = [entry.msgid for entry in catalogue if not entry.translated()]
    for text in missing:
        sys.stdout.write(f"not translated: {text!r}\n")
    sys.stdout.write(f"{len(catalogue)} texts, {len(missing)} not translated\n")
    return 1 if missing else 0


def _mirror(folder: Path) -> None:
    """Links to the files of the repository: what is ignored or not ours is not searched."""
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.py", "*.html", "*.txt"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, names.split("\0")):
        if name.split("/")[0] not in SKIPPED and "/" in name and (ROOT / name).is_file():
            link = folder / name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(ROOT / name)


def _new() -> polib.POFile:
    catalogue = polib.POFile(wrapwidth=110)
    catalogue.metadata = {
        "Project-Id-Version": "Merchant Backoffice",
        "Language": "zh_Hans",
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Transfer-Encoding": "8bit",
        "Plural-Forms": "nplurals=1; plural=0;",
    }
    return catalogue


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
