from __future__ import annotations

from typing import Any

from allauth.account.forms import LoginForm
from django.utils.translation import gettext_lazy as _


class SignInForm(LoginForm):  # type: ignore[misc]  # allauth is untyped
    """Its first field is called by what belongs there; the package's word for it is the page's heading in Chinese."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        field = self.fields["login"]
        field.label = _("Account / user name")
        field.widget.attrs["autocomplete"] = "username"
