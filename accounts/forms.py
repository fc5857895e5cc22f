"""Forms of Django admin and of pages for people and their passwords; the API's rules hold here too."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.forms import AdminPasswordChangeForm, BaseUserCreationForm
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.emails import one_form
from accounts.models import User
from accounts.passwords import MOST, MostPrepared
from mastablasta.core.errors import DomainError
from mastablasta.core.zones import zone_names


class PersonForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """The e-mail is kept in one form; the password has a form of its own."""

    def clean_email(self) -> str:
        return one_form(str(self.cleaned_data["email"]))

    def clean_timezone(self) -> str:
        return _zone(self.cleaned_data["timezone"])


class WorkspaceForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    def clean_timezone(self) -> str:
        return _zone(self.cleaned_data["timezone"])


def _zone(name: str) -> str:
    if name and name not in zone_names():
        raise ValidationError(_("%(name)r is not an IANA time zone; write for example Europe/Berlin.") % {"name": name})
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


class PageForm(forms.Form):
    """A form of a page of our own."""

    def take(self, error: DomainError) -> None:
        """Show what a service refused, each fault at its field."""
        for problem in error.problems:
            self.add_error(problem.field if problem.field in self.fields else None, problem.message)
        if not error.problems:
            self.add_error(None, error.detail)


class AddressForm(PageForm):
    email = forms.EmailField(max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "username"}))


class JoinForm(AddressForm):
    name = forms.CharField(max_length=150, required=False, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    password = forms.CharField(
        strip=False, validators=[MostPrepared(MOST)], widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )

    def clean_email(self) -> str:
        return one_form(str(self.cleaned_data["email"]))


class ResetForm(PageForm):
    new_password = forms.CharField(
        strip=False, validators=[MostPrepared(MOST)], widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )
