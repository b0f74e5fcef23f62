from __future__ import annotations

import re

import pytest

from tests.requirements import ROOT

from .source import tracked

ADDRESS = re.compile(r"https?://|^--|file:", re.MULTILINE)
SOMEBODYS_FOLDER = re.compile(r"(?<![\w.])/(?:root|home/\w+|work|Users/\w+)/")


@pytest.mark.parametrize(
    "lock", ["requirements.lock", "requirements-dev.lock", "requirements-mysql.lock", "requirements-pdf.lock"]
)
class TestLocks:
    def test_pin_every_package_by_hash_and_name_no_index(self, lock: str) -> None:
        text = (ROOT / lock).read_text()
        packages = re.split(r"\n(?=\S)", text.strip())

        assert len(packages) > 30
        assert [package for package in packages if "==" not in package or "--hash=sha256:" not in package] == []
        assert not ADDRESS.search(text.replace("    --hash", ""))

    def test_agree_with_the_lock_that_users_install(self, lock: str) -> None:
        assert _pins("requirements.lock").items() <= _pins(lock).items()


class TestFiles:
    def test_name_no_folder_of_the_machine_they_were_written_on(self) -> None:
        naming = [
            str(path.relative_to(ROOT))
            for path in tracked()
            if path.suffix in {".py", ".md", ".html", ".toml", ".yml", ".example", ".po", ""}
            and _names_a_folder(path.read_bytes())
        ]

        assert naming == []

    def test_carry_the_licence_that_the_project_names(self) -> None:
        assert "Apache License" in (ROOT / "LICENSE").read_text()[:200]
        assert 'license = "Apache-2.0"' in (ROOT / "pyproject.toml").read_text()


def _pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+(?:\[[\w,]+\])?)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE))


def _names_a_folder(content: bytes) -> bool:
    return bool(SOMEBODYS_FOLDER.search(content.decode("utf-8", "ignore")))
