from django.db import migrations, models
from django.db.models import F

AT_ONCE = 1_000
UNPAID = ("failed", "canceled")


def fill(apps, schema_editor):
    """What expired ended when it expired. When others ended, the fact that told of it says; else, at the latest then."""
    payments = apps.get_model("payments", "Payment").objects
    payments.filter(status__in=("expired", *UNPAID), ended_at=None).update(ended_at=F("expires_at"))
    events = apps.get_model("kernel", "OutboxEvent").objects.filter(name="payments.PaymentEnded").order_by("pk")
    told = {}
    for payload, at in events.values_list("payload", "created_at").iterator(chunk_size=AT_ONCE):
        if payload.get("status") in UNPAID:
            told[payload["payment_id"]] = at
        if len(told) == AT_ONCE:
            _note(payments, told)
            told = {}
    _note(payments, told)


def _note(payments, told):
    rows = list(payments.filter(pk__in=told, status__in=UNPAID).only("pk"))
    for row in rows:
        row.ended_at = told[row.pk]
    payments.bulk_update(rows, ["ended_at"])


class Migration(migrations.Migration):

    dependencies = [
        ('kernel', '0005_refunds_a_day'),
        ('payments', '0012_messages_set_aside'),
    ]

    operations = [
        migrations.AddField(
            model_name='payment',
            name='ended_at',
            field=models.DateTimeField(db_index=True, null=True, verbose_name='ended at'),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
    ]
