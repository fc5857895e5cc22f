"""What the contract does by itself, where a platform has nothing of its own to say."""

from __future__ import annotations

import pytest

from integrations.errors import NeedsReconnect, Rejected
from integrations.sign_in import NO_APP, GrantOwner, PasswordSignIn, SignIn, Tokens
from mastablasta.core.outbound import Http, Refused


class OwnServers(PasswordSignIn):
    def sign_in(self, *, identifier: str, password: str) -> tuple[Tokens, str]:
        return Tokens(password), ""

    def who_am_i(self, app: object, *, access_token: str) -> GrantOwner:
        return GrantOwner(access_token, ())


class MainServer(OwnServers):
    default_host = "https://echo.example"


class OneServer(MainServer):
    has_other_hosts = False


@pytest.mark.parametrize("sign_in", [OwnServers, MainServer])
@pytest.mark.parametrize("named", ["my.example", " my.example/ ", "https://my.example/login?a=1", "MY.example:443"])
def test_host_that_is_named_is_taken_by_its_origin(sign_in: type[SignIn], named: str) -> None:
    assert sign_in.address_of(named) == "https://my.example"


@pytest.mark.parametrize("sign_in", [MainServer, OneServer])
def test_own_host_of_a_platform_need_not_be_named(sign_in: type[SignIn]) -> None:
    assert sign_in.address_of("") == sign_in.address_of(" ") == "https://echo.example"


@pytest.mark.parametrize(
    ("sign_in", "named", "sentence"),
    [
        (OwnServers, "", "name the one where your account is"),
        (OneServer, "my.example", "leave this out"),
        (OwnServers, "https://anna@my.example", "user name"),
    ],
)
def test_what_names_no_host_is_refused(sign_in: type[SignIn], named: str, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        sign_in.address_of(named)


def test_token_without_end_asks_nothing_of_its_platform() -> None:
    flow = OneServer(Http("https://echo.example"), {})

    assert flow.host_info() == {}
    with pytest.raises(NeedsReconnect) as caught:
        flow.refresh(NO_APP, refresh_token="")
    assert not caught.value.can_refresh
    with pytest.raises(Rejected, match="only the person"):
        flow.revoke(NO_APP, token="t")
