"""The checked-in description of the API is what the code says, and says what every operation answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from django.conf import settings
from django.core.management import call_command
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator

from tests.described import look_at, problems, take

CHECKED_IN = Path(settings.BASE_DIR) / "docs" / "openapi.yaml"
COMMAND = "python manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("schema") / "openapi.yaml"
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(path))
    return path.read_text()


@pytest.fixture(scope="module")
def schema(generated) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load(generated, Loader=yaml.CSafeLoader)  # a tenth of the time that Python takes
    return loaded


def operations(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    }


def test_checked_in_description_is_current(generated):
    assert CHECKED_IN.read_text() == generated, f"the API has changed; run `{COMMAND}` and commit the file"


def test_every_operation_has_a_summary_and_an_id_of_its_own(schema):
    found = operations(schema)

    assert [name for name, operation in found.items() if not operation.get("summary")] == []
    assert len({operation["operationId"] for operation in found.values()}) == len(found)


def test_every_operation_names_the_errors_that_apply(schema):
    for name, operation in operations(schema).items():
        is_public = {} in operation.get("security", [{}])
        usual = {"400", "408", "429", "431", "500", "503"} | (set() if is_public else {"401", "403", "404"})
        usual |= set() if "/file" in name or "/thumbnail" in name or "/links/" in name else {"406"}
        usual |= {"411", "413", "415"} if name.startswith(("POST", "PUT", "PATCH")) else set()
        parameters = {one["name"] for one in operation.get("parameters", ())}
        usual |= {"409", "422"} if "Idempotency-Key" in parameters else set()
        usual |= {"412"} if "If-Match" in parameters else set()
        assert usual <= set(operation["responses"]), name


def test_every_operation_names_the_headers_that_go_with_its_answers(schema):
    """What each status promises; the headers that a test meets are held against the description by tests/described."""
    refusals = schema["components"]["responses"]
    missing = []
    for name, operation in operations(schema).items():
        parameters = {one["name"] for one in operation.get("parameters", ())}
        for status, answer in operation["responses"].items():
            shown = refusals[answer["$ref"].rpartition("/")[2]] if "$ref" in answer else answer
            wanted = {"X-Request-ID"}
            wanted |= (
                {"WWW-Authenticate"} if status == "401" else {"Retry-After"} if status in {"429", "503"} else set()
            )
            wanted -= {"Retry-After"} if name == "GET /api/v2/status" else set()  # an answer there, no refusal
            wanted |= {"ETag"} if status == "304" else set()
            wanted |= {"ETag"} if status == "200" and {"If-None-Match", "If-Match"} & parameters else set()
            wanted |= {"Idempotent-Replayed"} if status < "300" and "Idempotency-Key" in parameters else set()
            missing += [f"{name} {status} {one}" for one in wanted - set(shown.get("headers", {}))]

    assert missing == []
    assert "ETag" in schema["paths"]["/api/v2/posts"]["post"]["responses"]["201"]["headers"]
    assert "Location" in schema["paths"]["/api/v2/media/upload"]["post"]["responses"]["201"]["headers"]


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (("GET", "/api/v2/posts", 200, {"Content-Type": "application/json"}), []),
        (("HEAD", "/api/v2/posts", 200, {}), []),
        (("GET", "/api/v2/nowhere", 418, {}), []),
        (("GET", "/api/v2/posts", 418, {}), ["418"]),
        (("GET", "/api/v2/posts", 200, {"Content-Type": "text/csv"}), ["text/csv"]),
        (("GET", "/api/v2/posts", 401, {"Retry-After": "1"}), ["Retry-After"]),
        (("GET", "/api/v2/posts", 429, {"Retry-After": "1", "RateLimit-Whatever": "1"}), ["RateLimit-Whatever"]),
    ],
)
def test_an_answer_that_is_not_described_is_found(answer, found):
    told = list(problems(*answer))

    assert len(told) == len(found)
    assert all(one in sentence for one, sentence in zip(found, told, strict=True))


def test_an_answer_of_an_instance_is_looked_at_by_its_path():
    look_at("GET", f"/api/v2/posts/{uuid4()}?fields=id", 418, {})

    assert take() == ["GET /api/v2/posts/{id} answers 418, which its description does not name"]


def test_every_error_is_the_one_problem(schema):
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}

    assert {str(answer["content"]) for answer in schema["components"]["responses"].values()} == {str(problem)}


def test_no_description_speaks_of_the_code_behind_it(schema):
    """A serializer without a docstring would show that of its base."""
    words = ("Writes go through services", "Rows come with", "StrictSerializer", "serializer", "DRF", "queryset")
    schemas = schema["components"]["schemas"]
    described = {name: " ".join(one.get("description", "").split()) for name, one in schemas.items()}

    assert "A connected account." in described.values()
    assert [name for name, text in described.items() if any(word in text for word in words)] == []


def test_proofs_of_who_asks_are_described(schema):
    assert set(schema["components"]["securitySchemes"]) == {"Bearer", "ApiKey", "AdminSession"}


def test_lists_name_their_rows(schema):
    for name, operation in operations(schema).items():
        if not operation["operationId"].endswith("_list"):
            continue
        reference = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
        page = schema["components"]["schemas"][reference.rsplit("/", 1)[1]]
        assert "results" not in page["properties"], name
        assert {"total", "limit", "offset", "next", "previous"} < set(page["properties"]), name


def bodies(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every JSON body that is sent or that a success answers with."""
    found = {}
    for name, operation in operations(schema).items():
        asked = operation.get("requestBody", {}).get("content", {})
        answered = {
            status: answer.get("content", {}) for status, answer in operation["responses"].items() if status < "300"
        }
        for where, contents in {"request": asked, **answered}.items():
            if "application/json" in contents:
                found[f"{name} {where}"] = contents["application/json"]
    return found


def test_every_body_has_an_example(schema):
    assert [name for name, body in bodies(schema).items() if not body.get("examples")] == []


def test_every_example_is_as_its_schema_says(schema):
    components = {"components": with_null(schema["components"])}
    wrong = [
        f"{name} {title}: {error.json_path} {error.message}"
        for name, body in bodies(schema).items()
        for title, example in body["examples"].items()
        for error in Draft202012Validator({**with_null(body["schema"]), **components}).iter_errors(example["value"])
    ]

    assert wrong == []


def with_null(schema: Any) -> Any:
    """The same in the words of JSON Schema, which knows no `nullable`."""
    if isinstance(schema, list):
        return [with_null(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: with_null(one) for name, one in schema.items() if name != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") is True else plain


SECRETS = {"secret", "token", "access_token", "refresh_token", "api_key", "password"}


def test_views_that_answer_a_post_with_a_secret_say_so(schema):
    """An Idempotency-Key would else keep the secret for a day."""
    generator = SchemaGenerator()
    generator._initialise_endpoints()
    forgotten = [
        path
        for path, _, method, view in generator._get_paths_and_endpoints()
        if method == "POST"
        and not path.startswith("/api/v2/auth/")
        and path in schema["paths"]
        and not view.answers_with_secret
        and names_in(schema, successes(schema["paths"][path]["post"])) & SECRETS
    ]

    assert names_in(schema, successes(schema["paths"]["/api/v2/auth/api-keys"]["post"])) & SECRETS == {"api_key"}
    assert forgotten == []


def successes(operation: dict[str, Any]) -> list[Any]:
    return [answer for status, answer in operation["responses"].items() if status < "300"]


def names_in(schema: dict[str, Any], part: Any) -> set[str]:
    """The names of all properties in a part of the schema, references followed."""
    if isinstance(part, list):
        return set().union(*(names_in(schema, one) for one in part))
    if not isinstance(part, dict):
        return set()
    if "$ref" in part:
        return names_in(schema, schema["components"]["schemas"][part["$ref"].rsplit("/", 1)[1]])
    inner = {name: one for name, one in part.items() if name not in {"examples", "headers"}}
    return {*part.get("properties", {})} | names_in(schema, list(inner.values()))
