"""Model fields: text that is encrypted in the database and plain in Python."""

from __future__ import annotations

from typing import Any

from django.db import models

from mastablasta.core import crypto


class EncryptedTextField(models.BinaryField):  # type: ignore[type-arg]  # generic in the stubs only
    """Text, stored as Fernet bytes. "" and None are stored as they are; it cannot be searched or shown in forms.

    What cannot be decrypted is a crypto.Unreadable, which raises when it is read as a text.
    """

    description = "Encrypted text"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("editable", False)
        super().__init__(*args, **kwargs)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if isinstance(value, str):
            value = crypto.encrypt(value) if value else b""
        elif isinstance(value, crypto.Unreadable):
            value = value.stored
        return super().get_db_prep_value(value, connection, prepared)

    def from_db_value(self, value: Any, *_: Any) -> str | crypto.Unreadable | None:
        if not value:
            return None if value is None else ""
        try:
            return crypto.decrypt(bytes(value))
        except crypto.Undecryptable:
            return crypto.Unreadable(bytes(value))

    def to_python(self, value: Any) -> Any:
        return value
