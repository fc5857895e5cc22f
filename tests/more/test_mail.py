"""E-mail of a whole instance: requests do not wait for a mail server that is silent, workers do."""

from __future__ import annotations

import re

from tests.client import Client
from tests.instance import Instance
from tests.kit.smtp_server import smtp_server


def test_silent_mail_server_holds_up_no_request_and_gets_the_mail_when_it_speaks(own_database_url: str) -> None:
    with smtp_server() as server, Instance(own_database_url, EMAIL_URL=server.url) as instance:
        ada = instance.client()
        workspace = ada.get("workspaces")["workspaces"][0]["id"]

        invited = ada.post(f"workspaces/{workspace}/invitations", {"email": "grace@example.org", "role": "viewer"})
        for address in (ada.user["email"], "nobody@example.org"):
            Client(instance.url).post("auth/password/reset", {"email": address})
        assert (invited["link"], server.mails) == (None, [])
        server.may_speak.set()
        instance.wait_for(lambda: len(server.mails) == 2, what="both mails sent")

        texts = {mail["To"]: mail.get_content() for mail in server.mails}
        found = re.search(r"/invitation\?token=(\S+)", texts["grace@example.org"])
        assert found is not None
        assert set(texts) == {"grace@example.org", ada.user["email"]}
        grace = Client(instance.url).register("grace@example.org")
        assert grace.post("invitations/accept", {"token": found[1]})["role"] == "viewer"
