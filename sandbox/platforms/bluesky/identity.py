"""Handles, DIDs and what the service says about itself."""

from __future__ import annotations

from typing import Any

from sandbox.platforms.bluesky import errors
from sandbox.platforms.bluesky.accounts import Account
from sandbox.platforms.bluesky.queries import params
from sandbox.platforms.bluesky.server import OWN_DOMAIN, ROUTES, Bluesky
from sandbox.platforms.bluesky.syntax import is_handle
from sandbox.routing import Operation
from sandbox.wire import Answer, Request, json_answer


# https://docs.bsky.app/docs/api/com-atproto-server-describe-server
@ROUTES.add("GET", "/xrpc/com.atproto.server.describeServer", Operation.OTHER)
def describe(server: Bluesky, _request: Request) -> Answer:
    about: dict[str, Any] = {
        "did": server.did,
        "availableUserDomains": [OWN_DOMAIN],
        "inviteCodeRequired": False,
        "phoneVerificationRequired": False,
        "links": {},
        "contact": {},
    }
    if server.options.tells_upload_limit:
        about["blobUploadLimit"] = server.options.blob_upload_limit
    return json_answer(200, about)


# https://docs.bsky.app/docs/api/com-atproto-identity-resolve-handle
@ROUTES.add("GET", "/xrpc/com.atproto.identity.resolveHandle", Operation.OTHER)
def resolve_handle(server: Bluesky, request: Request) -> Answer:
    handle = params(request, "handle")["handle"]
    if not is_handle(handle):
        raise errors.invalid("Error: handle must be a valid handle")
    account = server.account_called(handle)
    if account is None:
        raise errors.refuse(400, "HandleNotFound", "Unable to resolve handle")
    return json_answer(200, {"did": account.did})


# https://web.plc.directory/api/redoc#operation/ResolveDid
@ROUTES.add("GET", "/{did}", Operation.OTHER)
def resolve_did(server: Bluesky, request: Request) -> Answer:
    did = request.args["did"]
    account = server.accounts_by_did.get(did)
    if account is None:
        return json_answer(404, {"message": f"DID not registered: {did}"})
    return json_answer(200, did_document(server, account))


def did_document(server: Bluesky, account: Account) -> dict[str, Any]:
    return {
        "@context": ["https://www.w3.org/ns/did/v1"],
        "id": account.did,
        "alsoKnownAs": [f"at://{account.person.handle}"],
        "verificationMethod": [],
        "service": [
            {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": server.site.url},
        ],
    }
