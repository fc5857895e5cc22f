#!/usr/bin/env python
"""Runs management commands: `.venv/bin/python manage.py help`."""

import os
import sys
from pathlib import Path

from mastablasta.environment import carry_home


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mastablasta.settings")
    if sys.argv[1:2] == ["up"]:
        carry_home(Path(__file__).resolve().parent)
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
