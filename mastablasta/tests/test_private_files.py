"""What an instance of development keeps on the disk is for nobody else on the machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from mastablasta.environment import private_file
from tests.__main__ import ROOT, clean_environment

WRITES = """
import json, os, pathlib
os.umask(0)
import django
django.setup()
from django.db import connection
connection.cursor().execute("CREATE TABLE x (y int)")
home = pathlib.Path(os.environ["MASTABLASTA_HOME"])
print(json.dumps({path.name: oct(path.stat().st_mode & 0o777) for path in (home, *home.iterdir())}))
"""


def test_folder_and_files_are_ours_alone_whatever_the_umask(tmp_path: Path) -> None:
    home = tmp_path / "deep" / "home"
    environment = clean_environment(tmp_path, MASTABLASTA_HOME=str(home), MASTABLASTA_MODE="development")
    environment["DJANGO_SETTINGS_MODULE"] = "mastablasta.settings"
    done = subprocess.run(
        [sys.executable, "-c", WRITES], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )

    modes = json.loads(done.stdout.splitlines()[-1])
    assert modes.pop("home") == "0o700"
    assert {"db.sqlite3", "db.sqlite3-wal", "secrets.json"} <= set(modes)
    assert {name: mode for name, mode in modes.items() if mode != "0o600"} == {}


def test_file_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "db.sqlite3"
    path.write_text("rows")
    path.chmod(0o640)

    assert private_file(path) == path

    assert (path.read_text(), oct(path.stat().st_mode & 0o777)) == ("rows", "0o640")
    assert private_file(tmp_path / "nowhere" / "db") == tmp_path / "nowhere" / "db"
