from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from kernel import rotation
from kernel.commands import OK, PROBLEMS_FOUND, OpsCommand
from kernel.secrets import newest_key_id


class Command(OpsCommand):
    help = gettext_noop(
        "Bring all encrypted values under the newest key of ENCRYPTION_KEYS. Exits 3 if some cannot be read. "
        "When it exits 0, the older keys are needed no more, except for backups."
    )
    lock = "rotate_encryption"

    def run(self, **_options: object) -> int:
        rows = rewrapped = unreadable = 0
        for row in self.progress(rotation.rotate(), total=rotation.count_rows()):
            rows += 1
            rewrapped += len(row.rewrapped)
            unreadable += len(row.unreadable)
            for column in row.unreadable:
                self.report(f"{row.model._meta.label_lower} {row.pk}", "unreadable", column=column)
        self.summary(
            _("%(rows)d rows, %(rewrapped)d values now under key “%(key)s”, %(unreadable)d cannot be read"),
            rows=rows,
            rewrapped=rewrapped,
            unreadable=unreadable,
            key=newest_key_id(),
        )
        return PROBLEMS_FOUND if unreadable else OK
