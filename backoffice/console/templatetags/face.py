from __future__ import annotations

from django import template

from backoffice.console.face import face

register = template.Library()


@register.simple_tag
def shop_name() -> str:
    return str(face()["name"])
