"""No view of workspace rows can forget the workspace: what the bases promise, checked over the whole code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.views import APIView

from accounts.api.base import WorkspaceView
from accounts.querysets import WorkspaceScopedQuerySet
from mastablasta.core.api.views import ApiView

ROOT = Path(settings.BASE_DIR)
APPS = ("accounts", "posts", "integrations", "media_library", "analytics", "webhooks")
EXCEPTIONS = {
    "accounts/api/authentication.py": {"Membership", "ApiKey"},  # finds out which workspace it is
    "posts/api/presenting.py": {"Delivery"},  # of posts that were read in the workspace
    "media_library/api/presenting.py": {"Asset"},  # which of those that were read in the workspace are used
}


def is_scoped(model: type[Model]) -> bool:
    """Whether rows of `model` belong to a workspace."""
    if isinstance(model._default_manager.all(), WorkspaceScopedQuerySet):
        return True
    try:
        model._meta.get_field("workspace")
    except FieldDoesNotExist:
        return False
    return True


def callbacks(resolver: URLResolver | None = None) -> Iterator[Any]:
    """What answers each address of the API: a function with `cls`, `initkwargs`, and of a viewset `actions`."""
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLResolver):
            yield from callbacks(pattern)
        elif isinstance(pattern, URLPattern) and hasattr(pattern.callback, "cls"):
            yield pattern.callback


CALLBACKS = list(callbacks())
VIEWS: list[type[APIView]] = sorted(
    {callback.cls for callback in CALLBACKS}, key=lambda view: f"{view.__module__}.{view.__name__}"
)
SCOPED_MODELS = {model.__name__ for model in apps.get_models() if is_scoped(model)}
API_MODULES = sorted(path for app in APPS for path in (ROOT / app / "api").glob("*.py"))


def test_there_is_something_to_check():
    assert {"ApiKey", "Post", "SocialAccount"} <= SCOPED_MODELS
    assert len(VIEWS) > 5
    assert len(API_MODULES) > 5


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.__name__)
def test_every_view_stands_on_our_base(view):
    assert issubclass(view, ApiView)


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.__name__)
def test_view_of_workspace_rows_is_a_workspace_view(view):
    queryset = getattr(view, "queryset", None)
    if queryset is None or not is_scoped(queryset.model):
        return

    assert issubclass(view, WorkspaceView)
    assert isinstance(queryset, WorkspaceScopedQuerySet)


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.__name__)
def test_nothing_unscopes_a_workspace_view(view):
    if not issubclass(view, WorkspaceView):
        return

    own = [base for base in view.__mro__[: view.__mro__.index(WorkspaceView)] if "get_queryset" in vars(base)]
    assert own == []


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.__name__)
def test_no_action_of_a_viewset_has_rows_or_permissions_of_its_own(view):
    """What the class declares holds for each of its addresses; `@action(…)` could say otherwise."""
    guarded = {"queryset", "permission_classes", "authentication_classes", "is_personal", "actions_needed"}

    assert [one.initkwargs for one in CALLBACKS if one.cls is view and guarded & set(one.initkwargs)] == []


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.__name__)
@pytest.mark.parametrize("declaration", ["actions_needed", "needs_sign_in", "refusals", "query_parameters", "limits"])
def test_what_is_declared_by_operation_names_one_that_there_is(view, declaration):
    """A word that is spelled otherwise would let through, or say nothing, without a complaint."""
    assert set(getattr(view, declaration, ())) <= operations_of(view)


def operations_of(view: type[APIView]) -> set[str]:
    """The actions of a viewset that have an address, of another view its methods."""
    maps = [one.actions for one in CALLBACKS if one.cls is view and getattr(one, "actions", None)]
    if maps:
        return {action for actions in maps for action in actions.values()}
    return {name.upper() for name in view.http_method_names if hasattr(view, name)}


@pytest.mark.parametrize("path", API_MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_api_reaches_workspace_rows_through_the_base_or_in_workspace_only(path):
    excepted = EXCEPTIONS.get(str(path.relative_to(ROOT)), set())

    assert unscoped_uses(path.read_text(), SCOPED_MODELS - excepted) == []


def unscoped_uses(source: str, models: set[str]) -> list[str]:
    """Lines that use `<a model with a workspace>.objects` other than as `queryset = ` or with `.in_workspace(`."""
    tree = ast.parse(source)
    fine: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(_name(target) == "queryset" for target in node.targets):
            fine |= {id(inner) for inner in ast.walk(node.value)}
        if isinstance(node, ast.Attribute) and node.attr == "in_workspace":
            fine.add(id(node.value))
    return [
        f"line {node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in {"objects", "_default_manager", "_base_manager"}
        and _name(node.value) in models
        and id(node) not in fine
    ]


def _name(node: Any) -> str:
    return str(getattr(node, "id", getattr(node, "attr", "")))


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("class V:\n    queryset = Post.objects.all()", []),
        ("Post.objects.in_workspace(w).get()", []),
        ("Workspace.objects.filter()", []),
        ("Post.objects.get(pk=1)", ["line 1: Post.objects"]),
        ("models.Post.objects.get(pk=1)", ["line 1: models.Post.objects"]),
        ("rows = Post.objects.all()", ["line 1: Post.objects"]),
    ],
)
def test_the_check_itself(source, found):
    assert unscoped_uses(source, {"Post"}) == found
