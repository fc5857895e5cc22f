"""Forms of Django admin for people and their passwords; the API's rules hold here too."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.forms import AdminPasswordChangeForm, BaseUserCreationForm
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.emails import one_form
from accounts.models import User
from accounts.passwords import MOST, MostPrepared
from accounts.services.sign_in import end_all_sessions
from mastablasta.core.zones import zone_names


class PersonForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """The e-mail is kept in one form; the password has a form of its own."""

    def clean_email(self) -> str:
        return one_form(str(self.cleaned_data["email"]))

    def clean_timezone(self) -> str:
        name = str(self.cleaned_data["timezone"])
        if name not in zone_names():
            raise ValidationError(f"{name!r} is not an IANA time zone; write for example Europe/Berlin.")
        return name


class NewPersonForm(PersonForm, BaseUserCreationForm):  # type: ignore[type-arg]  # generic in the stubs only
    class Meta:
        model = User
        fields = ("email", "name", "site_role")
        field_classes: dict[str, Any] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password1"].validators.append(MostPrepared(MOST))


class NewPasswordForm(AdminPasswordChangeForm):  # type: ignore[type-arg]  # generic in the stubs only
    """A new password signs the person out everywhere, as it does when they change it themselves."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password1"].validators.append(MostPrepared(MOST))

    def save(self, commit: bool = True) -> User:
        user: User = super().save(commit)
        end_all_sessions(user, at=timezone.now())
        return user
