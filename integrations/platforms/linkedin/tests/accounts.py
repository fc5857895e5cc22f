"""Accounts of LinkedIn at the simulator, by what they are and what was granted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from integrations.platforms.linkedin import sign_in
from integrations.sign_in import ClientApp
from mastablasta.core.outbound import Http
from tests.kit.connector_contract import SignedInAccount, visit
from tests.world import Sandbox

APP = ClientApp("sandbox-linkedin", "sandbox-linkedin-secret")
SELF_SERVE = ("openid", "profile", "w_member_social")


def organisation_of(sandbox: Sandbox, handle: str) -> SignedInAccount:
    """The organisation of a new person, who grants all that there is."""
    sandbox.accounts("linkedin", handle, organisations=["Bakery"])
    person = visit(sandbox, "linkedin", handle)
    flow = sign_in.LinkedInOAuth(Http(person.target.base_url), {})
    own = flow.who_am_i(APP, access_token=person.token).targets[-1]
    return replace(person, target=replace(person.target, remote_id=own.remote_id, handle=own.handle, facts=own.facts))


def self_serve(sandbox: Sandbox, handle: str, monkeypatch: pytest.MonkeyPatch) -> SignedInAccount:
    """A person whose grant is what every app may ask for."""
    monkeypatch.setattr(sign_in, "SCOPES", SELF_SERVE)
    return visit(sandbox, "linkedin", handle)
