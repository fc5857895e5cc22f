"""What tests of several packages are built from: contract classes for connectors, a raw server, certificates."""

import pytest

pytest.register_assert_rewrite("tests.kit.connector_contract", "tests.kit.media_contract")
