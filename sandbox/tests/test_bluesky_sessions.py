from __future__ import annotations

import json
import re
import time
from base64 import urlsafe_b64decode
from typing import Any

import pytest

from sandbox.tests.bluesky import Service, Session, check_output, post, seen
from sandbox.tests.clients import Control

WRONG = (401, "AuthenticationRequired", "Invalid identifier or password")
EXPIRED = (400, "ExpiredToken", "Token has expired")
REVOKED = (400, "ExpiredToken", "Token has been revoked")
UNKNOWN = (400, "InvalidToken", "Token could not be verified")
SERVER = "com.atproto.server"


def claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    read: dict[str, Any] = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return read


def test_account_comes_with_a_did_and_an_app_password(bluesky: Service) -> None:
    row = bluesky.person("Amy")

    assert row["handle"] == "amy.bsky.social"
    assert re.fullmatch(r"did:plc:[a-z2-7]{24}", row["did"])
    assert re.fullmatch(r"[a-z2-7]{4}(-[a-z2-7]{4}){3}", row["app_password"])


@pytest.mark.parametrize("name", ["handle", "did"])
def test_session_begins_with_handle_or_did(bluesky: Service, name: str) -> None:
    row = bluesky.person("amy.example.com")

    answer = bluesky.begin(row[name], row["app_password"])

    body = answer.json()
    check_output(f"{SERVER}.createSession", body)
    assert answer.status_code == 200
    assert (body["did"], body["handle"], body["active"]) == (row["did"], "amy.example.com", True)
    assert body["didDoc"]["service"][0]["serviceEndpoint"] == bluesky.url
    access, refresh = claims(body["accessJwt"]), claims(body["refreshJwt"])
    assert (access["scope"], access["sub"], access["exp"] - access["iat"]) == (
        "com.atproto.appPass",
        row["did"],
        7_200,
    )
    assert (refresh["scope"], refresh["exp"] - refresh["iat"]) == ("com.atproto.refresh", 90 * 86_400)


def test_wrong_password_and_unknown_people_look_the_same(bluesky: Service) -> None:
    row = bluesky.person()

    assert seen(bluesky.begin(row["handle"], "aaaa-bbbb-cccc-dddd")) == WRONG
    assert seen(bluesky.begin("nobody.bsky.social", row["app_password"])) == WRONG
    assert bluesky.control.get("state")["instances"]["bluesky"]["taken_down"] == []


def test_session_needs_its_fields_as_json(bluesky: Service) -> None:
    name = f"{SERVER}.createSession"

    missing = bluesky.call("POST", name, json={"identifier": "a.bsky.social"})
    form = bluesky.call("POST", name, data={"identifier": "a.bsky.social", "password": "x"})
    nothing = bluesky.call("POST", name)

    assert seen(missing) == (400, "InvalidRequest", 'Input must have the property "password"')
    assert seen(form)[2] == "Wrong request encoding (Content-Type): application/x-www-form-urlencoded"
    assert seen(nothing)[2] == "A request body is expected but none was provided"


def test_get_session(bluesky: Service, amy: Session) -> None:
    answer = amy.call("GET", f"{SERVER}.getSession")

    check_output(f"{SERVER}.getSession", answer.json())
    assert (answer.status_code, answer.json()["did"]) == (200, amy.did)
    assert seen(bluesky.get(f"{SERVER}.getSession")) == (401, "AuthMissing", "Authentication Required")
    basic = bluesky.call("GET", f"{SERVER}.getSession", auth=("a", "b"))
    assert seen(basic) == (400, "InvalidToken", "Unexpected authorization type")


def test_tokens_are_not_good_for_each_other(bluesky: Service, amy: Session) -> None:
    other_way = bluesky.call("GET", f"{SERVER}.getSession", headers={"Authorization": f"Bearer {amy.refresh}"})

    assert seen(other_way) == UNKNOWN
    assert seen(bluesky.refresh(amy.access)) == UNKNOWN
    assert seen(bluesky.refresh("garbage")) == UNKNOWN


def test_refresh_rotates_and_the_old_one_gives_the_same_successor(bluesky: Service, amy: Session) -> None:
    first, again = bluesky.refresh(amy.refresh), bluesky.refresh(amy.refresh)

    assert [first.status_code, again.status_code] == [200, 200]
    check_output(f"{SERVER}.refreshSession", first.json())
    successors = [claims(answer.json()["refreshJwt"])["jti"] for answer in (first, again)]
    assert successors[0] == successors[1] != claims(amy.refresh)["jti"]
    assert first.json()["accessJwt"] not in (amy.access, again.json()["accessJwt"])
    assert bluesky.refresh(first.json()["refreshJwt"]).status_code == 200
    assert amy.call("GET", f"{SERVER}.getSession").status_code == 200


def test_old_refresh_token_is_revoked_after_its_grace_time(control: Control, bluesky: Service, amy: Session) -> None:
    control.put("instance", platform="bluesky", refresh_grace_s=0)
    successor = bluesky.refresh(amy.refresh).json()["refreshJwt"]

    assert seen(bluesky.refresh(amy.refresh)) == REVOKED
    assert bluesky.refresh(successor).status_code == 200


def test_refresh_takes_no_body(bluesky: Service, amy: Session) -> None:
    headers = {"Authorization": f"Bearer {amy.refresh}"}

    answer = bluesky.call("POST", f"{SERVER}.refreshSession", headers=headers, json={})

    assert seen(answer) == (400, "InvalidRequest", "A request body was provided when none was expected")


def test_deleted_session_cannot_be_refreshed_but_its_access_token_lives_on(bluesky: Service, amy: Session) -> None:
    headers = {"Authorization": f"Bearer {amy.refresh}"}

    answer = bluesky.call("POST", f"{SERVER}.deleteSession", headers=headers)

    assert (answer.status_code, answer.content) == (200, b"")
    assert seen(bluesky.refresh(amy.refresh)) == REVOKED
    assert amy.call("GET", f"{SERVER}.getSession").status_code == 200


def test_expire_token_ends_access_tokens_only(control: Control, bluesky: Service, amy: Session) -> None:
    control.post("faults", platform="bluesky", effect="expire_token")

    assert seen(amy.put(post(), "3jzfcijpj2z2a")) == EXPIRED
    assert seen(amy.call("GET", f"{SERVER}.getSession")) == EXPIRED
    amy.access = bluesky.refresh(amy.refresh).json()["accessJwt"]
    assert amy.posted()["validationStatus"] == "valid"


def test_revoke_token_ends_the_session(control: Control, bluesky: Service, amy: Session) -> None:
    control.post("faults", platform="bluesky", effect="revoke_token")

    assert seen(amy.put(post(), "3jzfcijpj2z2a")) == EXPIRED
    assert seen(bluesky.refresh(amy.refresh)) == REVOKED
    assert bluesky.begin(amy.handle, amy.password).status_code == 200


def test_access_token_ends_by_itself(control: Control, bluesky: Service) -> None:
    control.put("instance", platform="bluesky", access_ttl_s=1, refresh_ttl_s=1)
    amy = bluesky.sign_in()
    time.sleep(1.01)

    assert seen(amy.call("GET", f"{SERVER}.getSession")) == EXPIRED
    assert seen(bluesky.refresh(amy.refresh)) == EXPIRED


def test_account_taken_down(control: Control, bluesky: Service, amy: Session) -> None:
    made = amy.posted()
    control.put("instance", platform="bluesky", taken_down=["amy.bsky.social"])
    gone = (401, "AccountTakedown", "Account has been taken down")

    assert seen(amy.put(post(), "3jzfcijpj2z2a")) == gone
    assert seen(bluesky.begin(amy.handle, amy.password)) == gone
    assert seen(bluesky.refresh(amy.refresh)) == gone
    shown = amy.call("GET", f"{SERVER}.getSession").json()
    assert (shown["active"], shown["status"]) == (False, "takendown")
    assert bluesky.read("app.bsky.feed.getPosts", uris=[made["uri"]]) == {"posts": []}
    assert seen(amy.get(made["uri"].rpartition("/")[2]))[1] == "RecordNotFound"
    assert seen(bluesky.get("app.bsky.actor.getProfile", actor=amy.did))[:2] == (400, "AccountTakedown")


def test_account_deactivated_and_active_again(control: Control, bluesky: Service, amy: Session) -> None:
    control.put("instance", platform="bluesky", deactivated=["@Amy.bsky.social"])

    assert seen(amy.put(post(), "3jzfcijpj2z2a")) == (401, "AccountDeactivated", "Account is deactivated")
    assert seen(amy.delete("3jzfcijpj2z2a"))[1] == "AccountDeactivated"
    body = bluesky.begin(amy.handle, amy.password).json()
    assert (body["active"], body["status"]) == (False, "deactivated")
    control.put("instance", platform="bluesky", deactivated=[])
    assert amy.posted()


def test_handles_resolve(bluesky: Service, amy: Session) -> None:
    name = "com.atproto.identity.resolveHandle"

    assert bluesky.read(name, handle="AMY.bsky.social") == {"did": amy.did}
    assert seen(bluesky.get(name, handle="bob.bsky.social")) == (400, "HandleNotFound", "Unable to resolve handle")
    assert seen(bluesky.get(name, handle="amy"))[1] == "InvalidRequest"
    assert seen(bluesky.get(name))[2] == 'Error: Params must have the property "handle"'


def test_did_leads_to_the_service(bluesky: Service, amy: Session) -> None:
    document = bluesky.http.get(f"{bluesky.url}/{amy.did}", timeout=5).json()

    assert (document["id"], document["alsoKnownAs"]) == (amy.did, ["at://amy.bsky.social"])
    assert document["service"][0]["serviceEndpoint"] == bluesky.url
    assert bluesky.http.get(f"{bluesky.url}/did:plc:nobody", timeout=5).status_code == 404


def test_describe_server(bluesky: Service) -> None:
    about = bluesky.read(f"{SERVER}.describeServer")

    port = bluesky.control.origin.rpartition(":")[2]
    assert about["did"] == f"did:web:127.0.0.1%3A{port}:bluesky"


def test_another_service_has_a_world_of_its_own(control: Control, bluesky: Service, amy: Session) -> None:
    other = Service(control, "bluesky-own")

    assert seen(other.begin(amy.handle, amy.password)) == WRONG
    there = other.sign_in("amy")
    assert there.did != amy.did
    there.posted("There")
    assert [row["instance"] for row in control.posts()] == ["bluesky-own"]
    assert seen(other.call("GET", f"{SERVER}.getSession", headers={"Authorization": f"Bearer {amy.access}"})) == UNKNOWN


def test_sessions_are_token_calls(control: Control, bluesky: Service, amy: Session) -> None:
    bluesky.refresh(amy.refresh)
    amy.call("GET", f"{SERVER}.getSession")

    assert [row["operation"] for row in control.requests(platform="bluesky")] == ["token", "token", "other"]


def test_handles_are_domain_names(control: Control) -> None:
    answer = control.call("POST", "accounts", json={"platform": "bluesky", "handle": "an_n"})

    assert answer.json() == {"error": "handle: nobody on bluesky can be called 'an_n'"}
