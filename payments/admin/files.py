"""Files that staff take along."""

from __future__ import annotations

from django.http import HttpResponse

from kernel.clock import local, now

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def workbook(content: bytes, *, name: str) -> HttpResponse:
    """:param content: XLSX; its name gets the time it was made at"""
    file = f"{name}-{local(now()):%Y%m%d-%H%M}.xlsx"
    return HttpResponse(
        content,
        content_type=XLSX,
        headers={"Content-Disposition": f'attachment; filename="{file}"', "Cache-Control": "no-store"},
    )
