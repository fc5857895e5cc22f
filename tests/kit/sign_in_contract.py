"""What every sign-in by the operator's own app keeps at its token endpoint."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import pytest

from integrations.errors import ExchangeRefused, OperatorProblem, Unavailable
from integrations.sign_in import ClientApp, OAuthFlow
from tests.kit.connector_contract import CALLBACK
from tests.kit.raw_server import answer, raw_server, says
from tests.world import Sandbox


class TokenEndpointContract:
    """Subclass it in the platform's tests; `app` is the simulator's, `flow_at` makes the sign-in at a base URL."""

    slug: ClassVar[str]
    app: ClassVar[ClientApp]

    def flow_at(self, base_url: str) -> OAuthFlow:
        raise NotImplementedError

    @pytest.mark.parametrize(
        ("change", "code", "outcome"),
        [
            ({}, "never-given", ExchangeRefused),
            ({"client_secret": "another secret"}, "any", OperatorProblem),
            ({"client_id": "another-app", "client_secret": "s"}, "any", OperatorProblem),
        ],
    )
    def test_exchange_that_is_refused_says_whose_matter_it_is(
        self, sandbox: Sandbox, change: dict[str, str], code: str, outcome: type[Exception]
    ) -> None:
        app = replace(self.app, **change)

        with pytest.raises(outcome):
            self.flow_at(f"{sandbox.url}/{self.slug}").exchange(app, code=code, redirect_uri=CALLBACK, verifier="")

    @pytest.mark.parametrize("said", [answer("{}"), answer("<html>"), answer("[]"), answer("", 503)])
    def test_token_that_cannot_be_read_is_unavailable(self, said: bytes) -> None:
        with raw_server(says(said)) as server, pytest.raises(Unavailable):
            self.flow_at(server.url).exchange(self.app, code="c", redirect_uri=CALLBACK, verifier="")
