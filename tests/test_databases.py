from __future__ import annotations

from pathlib import Path

from django.apps import apps

from tests.databases import ROOT, made_from


def test_kept_database_is_made_anew_when_a_migration_or_a_model_of_ours_changes() -> None:
    ours = [Path(app.path) for app in apps.get_app_configs() if Path(app.path).is_relative_to(ROOT)]
    ours = [path for path in ours if ".venv" not in path.parts]
    migrations = {file for path in ours for file in path.glob("migrations/*.py")}

    assert len(migrations) > len(ours)
    assert migrations | {file for path in ours for file in path.glob("models.py")} <= set(made_from())
