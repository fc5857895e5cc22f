"""What every platform of the registry has, wherever it has to stand; a new one fails here until it is whole."""

from __future__ import annotations

import importlib
import inspect
import re
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from integrations import registry
from integrations.capabilities import LONGEST_HOLD_S
from integrations.contract import Connector
from integrations.sign_in import SignIn
from posts.models import Delivery, Post, PostType
from sandbox.platforms import PLATFORMS as SIMULATED
from tests.kit.connector_contract import ConnectorContract
from tests.kit.media_contract import MediaContract
from tests.specifications import tables

ROOT = Path(__file__).resolve().parent.parent
BUILT = registry.built()


def subclasses_in_tests(slug: str, base: type) -> list[Any]:
    """Of a platform's own tests: those in its folder, or beside the app's where the platform is one module."""
    paths = ROOT.glob(f"integrations/platforms/{slug}/tests/test_*.py"), ROOT.glob(f"integrations/tests/test_{slug}.py")
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in chain(*paths)]
    modules = [importlib.import_module(name) for name in names]
    classes = [value for module in modules for _, value in inspect.getmembers(module, inspect.isclass)]
    return [one for one in classes if issubclass(one, base) and one is not base and getattr(one, "slug", "") == slug]


def test_simulator_has_what_is_built_and_nothing_else() -> None:
    assert set(SIMULATED) == set(BUILT)


@pytest.mark.parametrize("slug", BUILT)
def test_its_code_is_whole(slug: str) -> None:
    entry, capabilities = registry.PLATFORMS[slug], registry.capabilities(slug)

    assert issubclass(registry.connector_class(slug), Connector)
    assert capabilities.can_delete == (registry.connector_class(slug).delete is not Connector.delete)
    assert all(issubclass(registry.sign_in(slug, one.name), SignIn) for one in entry.sign_ins)
    assert len({one.name for one in entry.sign_ins}) == len(entry.sign_ins)
    sign_ins = [registry.sign_in(slug, one.name) for one in entry.sign_ins]
    assert [one for one in sign_ins if one.has_other_hosts and one.host_info is SignIn.host_info] == []
    assert (capabilities.slug, capabilities.label) == (slug, entry.label)
    assert capabilities.settle_s >= 0
    assert capabilities.hold_s in {0, LONGEST_HOLD_S}
    assert capabilities.options["type"] == "object"
    assert set(capabilities.media) <= {*capabilities.post_types, "standard"}


@pytest.mark.parametrize("slug", BUILT)
def test_api_and_database_have_room_for_its_types_of_posts(slug: str) -> None:
    longest = Post._meta.get_field("post_type").max_length
    assert isinstance(longest, int)
    assert len(slug) <= (Delivery._meta.get_field("platform").max_length or 0)
    assert all(len(kind) <= longest for kind in registry.capabilities(slug).post_types)
    assert set(registry.capabilities(slug).post_types) <= set(PostType.values)


@pytest.mark.parametrize("slug", BUILT)
def test_its_limits_name_their_sources(slug: str) -> None:
    capabilities = registry.capabilities(slug)
    sources = [capabilities.text.source, *capabilities.sources, *(rate.source for rate in capabilities.rates)]
    sources += [capabilities.metrics.source, capabilities.metrics.budget.source] if capabilities.metrics else []
    said = [(one.url, one.read) for one in (*sources, *capabilities.media.values())]

    assert [url for url, _ in said if not url.startswith("https://")] == []
    assert [read for _, read in said if not re.fullmatch(r"20\d\d-\d\d-\d\d", read)] == []


@pytest.mark.parametrize("slug", BUILT)
def test_it_passes_the_cases_that_every_platform_must_pass(slug: str) -> None:
    assert subclasses_in_tests(slug, ConnectorContract)
    if registry.capabilities(slug).media:
        assert subclasses_in_tests(slug, MediaContract)


@pytest.mark.parametrize("slug", BUILT)
def test_calls_that_it_makes_are_specified(slug: str) -> None:
    assert tables.calls_of(slug)


@pytest.mark.parametrize("slug", BUILT)
def test_its_settings_are_defined_and_shown_to_operators(slug: str) -> None:
    entries = registry.PLATFORMS[slug].sign_ins
    names = [name for entry in entries for name in entry.app_settings or ()]
    names += [entry.scopes_setting for entry in entries if entry.scopes_setting]
    example = (ROOT / ".env.example").read_text()

    assert [name for name in names if not hasattr(settings, name)] == []
    assert [name for name in names if f"#{name}=" not in example] == []
    assert not names or f"/api/v2/oauth/{slug}/callback" in example


@pytest.mark.parametrize("slug", BUILT)
def test_readme_names_it(slug: str) -> None:
    assert re.search(rf"\b{registry.PLATFORMS[slug].label}\b", (ROOT / "README.md").read_text())


@pytest.mark.parametrize("slug", BUILT)
def test_operators_have_a_page_on_it(slug: str) -> None:
    page = (ROOT / f"docs/platforms/{slug}.md").read_text()

    assert page.startswith(f"# {registry.PLATFORMS[slug].label}")
    assert [option for option in registry.capabilities(slug).options["properties"] if f"`{option}" not in page] == []


@pytest.mark.parametrize("slug", BUILT)
def test_simulators_readme_has_a_section_on_it(slug: str) -> None:
    assert f"\n## {registry.PLATFORMS[slug].label}\n" in (ROOT / "sandbox/README.md").read_text()
