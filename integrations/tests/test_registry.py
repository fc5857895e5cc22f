"""Which platforms there are."""

from __future__ import annotations

import subprocess
import sys

import pytest

from integrations import registry
from integrations.contract import Connector
from integrations.services.operator_apps import BY_PASSWORD
from integrations.sign_in import OAuthFlow, PasswordSignIn


@pytest.mark.parametrize("slug", registry.built())
def test_what_is_built_can_be_loaded(slug: str) -> None:
    assert issubclass(registry.connector_class(slug), Connector)
    capabilities = registry.capabilities(slug)
    assert (capabilities.slug, capabilities.label) == (slug, registry.PLATFORMS[slug].label)
    assert all(source.url.startswith("https://") and source.read for source in (capabilities.text.source,))
    is_by_password = slug in BY_PASSWORD
    assert all(
        issubclass(registry.sign_in(slug, entry.name), PasswordSignIn if entry.way == "password" else OAuthFlow)
        for entry in registry.PLATFORMS[slug].sign_ins
    )
    assert issubclass(registry.sign_in(slug), PasswordSignIn if is_by_password else OAuthFlow)
    with pytest.raises(registry.OtherSignIn):
        (registry.oauth_flow if is_by_password else registry.password_sign_in)(slug)


@pytest.mark.parametrize("slug", [slug for slug in registry.PLATFORM_SLUGS if not registry.is_built(slug)])
def test_what_is_not_built_says_so(slug: str) -> None:
    assert registry.is_platform(slug)
    with pytest.raises(registry.NotBuilt):
        registry.connector_class(slug)
    with pytest.raises(registry.NotBuilt):
        registry.oauth_flow(slug)


def test_unknown_platform_is_none() -> None:
    assert not registry.is_platform("myspace")


def test_platforms_are_loaded_when_first_asked_for() -> None:
    """A platform whose code is broken must not stop the others."""
    code = "import sys; import integrations.registry; print([m for m in sys.modules if '.platforms.' in m])"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert printed.strip() == "[]"
