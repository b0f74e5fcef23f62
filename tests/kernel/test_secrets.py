from __future__ import annotations

from base64 import urlsafe_b64encode
from io import StringIO

import pytest
from django.core.management import call_command
from pytest_django import Settings

from kernel.models import Message
from kernel.secrets import (
    CannotDecrypt,
    Secret,
    fingerprint,
    key_id_of,
    lookup_hash,
    rewrap,
    seal,
    sealed_columns,
    unseal,
)
from tests.helpers import NOON

PLACE = "kernel_message:1:recipient_sealed"


def ring(*key_ids: str) -> str:
    return ",".join(f"{key_id}:{urlsafe_b64encode(key_id.encode().ljust(32, b'.')).decode()}" for key_id in key_ids)


@pytest.fixture(autouse=True)
def _ring(settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = ring("old")


class TestSealing:
    def test_opens_what_it_sealed_and_shows_nothing_of_it(self) -> None:
        blob = seal("张三 13800138000", context=PLACE)

        assert unseal(blob, context=PLACE) == "张三 13800138000"
        assert "138" not in blob
        assert blob != seal("张三 13800138000", context=PLACE)  # equal values cannot be told

    def test_a_blob_that_was_moved_elsewhere_does_not_open(self) -> None:
        blob = seal("secret", context=PLACE)

        with pytest.raises(CannotDecrypt):
            unseal(blob, context="kernel_message:2:recipient_sealed")

    def test_a_wrong_key_is_an_error_and_not_the_ciphertext(self, settings: Settings) -> None:
        blob = seal("secret", context=PLACE)
        settings.ENCRYPTION_KEYS = ring("old").replace(ring("old")[4:12], "AAAAAAAA")

        with pytest.raises(CannotDecrypt, match="old"):
            unseal(blob, context=PLACE)

    def test_a_key_that_is_gone_is_named(self, settings: Settings) -> None:
        blob = seal("secret", context=PLACE)
        settings.ENCRYPTION_KEYS = ring("new")

        with pytest.raises(CannotDecrypt, match="old"):
            unseal(blob, context=PLACE)

    @pytest.mark.parametrize("blob", ["", "secret", "v1.old.x.y", "a.b.c.d.e"])
    def test_what_is_no_blob_is_an_error(self, blob: str) -> None:
        with pytest.raises(CannotDecrypt):
            unseal(blob, context=PLACE)

    def test_a_changed_byte_is_noticed(self) -> None:
        head, _dot, sealed = seal("secret", context=PLACE).rpartition(".")
        changed = f"{head}.{sealed[:20]}{'A' if sealed[20] != 'A' else 'B'}{sealed[21:]}"

        with pytest.raises(CannotDecrypt):
            unseal(changed, context=PLACE)


class TestRewrapping:
    def test_moves_a_value_under_the_newest_key_without_touching_it(self, settings: Settings) -> None:
        blob = seal("secret", context=PLACE)
        settings.ENCRYPTION_KEYS = ring("new", "old")
        moved = rewrap(blob, context=PLACE)
        settings.ENCRYPTION_KEYS = ring("new")

        assert (key_id_of(moved), unseal(moved, context=PLACE)) == ("new", "secret")
        assert moved.rpartition(".")[2] == blob.rpartition(".")[2]

    def test_refuses_a_blob_from_elsewhere(self) -> None:
        with pytest.raises(CannotDecrypt):
            rewrap(seal("secret", context=PLACE), context="elsewhere")


class TestShowing:
    def test_a_secret_does_not_print_itself(self) -> None:
        secret = Secret("hunter2")

        assert "hunter2" not in f"{secret} {secret!r} {[secret]}"
        assert secret.reveal() == "hunter2"

    def test_a_fingerprint_tells_secrets_apart(self) -> None:
        assert fingerprint("a") != fingerprint("b")
        assert len(fingerprint("a")) == 16

    def test_a_lookup_hash_depends_on_kind_and_key(self, settings: Settings) -> None:
        whole, tail = lookup_hash("8000", kind="phone"), lookup_hash("8000", kind="phone_tail")
        settings.LOOKUP_KEY = "another"

        assert len({whole, tail, lookup_hash("8000", kind="phone")}) == 3


def written(effect_key: str, recipient: str) -> Message:
    message = Message(effect_key=effect_key, channel="sms", template="t", due_at=NOON, created_at=NOON)
    message.recipient = recipient
    message.save()
    return message


def rotate() -> str:
    out = StringIO()
    call_command("rotate_encryption", "--format", "json", stdout=out)
    return out.getvalue()


@pytest.mark.django_db
class TestSealedColumns:
    def test_are_clear_on_the_instance_and_not_in_the_database(self) -> None:
        written("a", "13800138000")
        row = Message.objects.get()

        assert row.recipient == "13800138000"
        assert "138" not in row.recipient_sealed
        assert sealed_columns(Message) == ["context_sealed", "recipient_sealed"]

    def test_swapped_between_two_rows_do_not_open(self) -> None:
        one, other = written("a", "13800138000"), written("b", "13900139000")
        Message.objects.filter(pk=one.pk).update(recipient_sealed=other.recipient_sealed)

        with pytest.raises(CannotDecrypt):
            _ = Message.objects.get(pk=one.pk).recipient

    def test_swapped_between_two_columns_of_a_row_do_not_open(self) -> None:
        row = written("a", "13800138000")
        Message.objects.update(context_sealed=row.recipient_sealed)

        with pytest.raises(CannotDecrypt):
            _ = Message.objects.get().context_json

    def test_empty_stays_empty(self) -> None:
        row = written("a", "")

        assert (row.recipient_sealed, row.recipient) == ("", "")


@pytest.mark.django_db
class TestRotation:
    def test_lets_the_old_key_go(self, settings: Settings) -> None:
        written("a", "13800138000")
        settings.ENCRYPTION_KEYS = ring("new", "old")
        rotate()
        settings.ENCRYPTION_KEYS = ring("new")

        assert Message.objects.get().recipient == "13800138000"

    def test_run_again_it_changes_nothing(self, settings: Settings) -> None:
        written("a", "13800138000")
        settings.ENCRYPTION_KEYS = ring("new", "old")

        assert '"rewrapped": 1' in rotate()
        assert '"rewrapped": 0' in rotate()

    def test_goes_through_all_chunks(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("kernel.rotation.CHUNK", 2)
        for number in range(5):
            written(str(number), "13800138000")
        settings.ENCRYPTION_KEYS = ring("new", "old")

        assert '"rewrapped": 5' in rotate()

    def test_names_what_no_key_opens_and_exits_3(self, settings: Settings) -> None:
        kept = written("a", "13800138000")
        settings.ENCRYPTION_KEYS = ring("other")
        written("b", "13900139000")
        settings.ENCRYPTION_KEYS = ring("new", "other")
        out = StringIO()

        with pytest.raises(SystemExit) as exit_code:
            call_command("rotate_encryption", stdout=out)

        assert exit_code.value.code == 3
        assert f"kernel.message {kept.pk}  unreadable  column=recipient_sealed" in out.getvalue()
        assert key_id_of(Message.objects.get(effect_key="b").recipient_sealed) == "new"
