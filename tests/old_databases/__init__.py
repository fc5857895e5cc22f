"""Databases as earlier commits wrote them, to be migrated by tests/more/test_old_databases.py.

`<day>.<commit>.sqlite.sql.xz` and `….postgresql.sql.xz`: what stood in each after make.py had filled it, as SQL.
"""
