from __future__ import annotations

from functools import cache
from html import escape
from pathlib import Path
from string import Template

from sandbox.texts import TEXTS
from sandbox.web import Response, text

HTML_DIR = Path(__file__).parent / "html"


class Markup(str):
    """HTML that is not to be escaped again."""

    __slots__ = ()


def page(name: str, /, *, language: str, **values: object) -> Response:
    """A whole page: the named piece within the frame."""
    body = piece(name, language=language, **values)
    title = TEXTS[language][f"title_{name}"]
    return text(piece("frame", language=language, body=body, title=title))


def piece(name: str, /, *, language: str, **values: object) -> Markup:
    """A piece of HTML with its blanks filled; values are escaped unless they are Markup."""
    filled = {key: value if isinstance(value, Markup) else escape(str(value)) for key, value in values.items()}
    return Markup(_template(name).substitute(TEXTS[language], lang=language, **filled))


def pieces(name: str, rows: list[dict[str, object]], *, language: str) -> Markup:
    return Markup("".join(piece(name, language=language, **row) for row in rows))


@cache
def _template(name: str) -> Template:
    return Template((HTML_DIR / f"{name}.html").read_text("utf-8"))
