"""Facebook Pages against the simulator."""

from __future__ import annotations

from tests.kit.connector_contract import ConnectorContract


class TestFacebook(ConnectorContract):
    slug = "facebook"
