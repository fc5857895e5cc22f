"""Whether a table says what the specification itself says, be that an OpenAPI description or a set of lexicons."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from tests.specifications.shapes import (
    JSON,
    Binary,
    Blob,
    Call,
    Either,
    Fields,
    Flag,
    Items,
    Shape,
    Text,
    Union,
    Whole,
)

Schema = Mapping[str, Any]
Described = tuple[Schema, str]  # a schema, and the lexicon in which it stands ("" in OpenAPI)
Resolve = Callable[[Schema, str], Described]

TYPES = {Text: "string", Whole: "integer", Flag: "boolean", Items: "array", Fields: "object", Blob: "blob"}


def openapi_differences(table: Mapping[str, Call], described: Schema, *, version: int, is_newest: bool) -> list[str]:
    """In what a table differs from an OpenAPI description; answers and bounds of paths are those of the newest one."""
    found: list[str] = []
    for name, call in table.items():
        method, _, path = name.partition(" ")
        operation = described["paths"].get(path, {}).get(method.lower())
        if call.beyond:
            continue
        if operation is None:
            found.append(f"{name}: is not described")
            continue
        found += (f"{name}: {one}" for one in _in_operation(call, operation, described, version, is_newest=is_newest))
    return found


def _in_operation(call: Call, operation: Schema, described: Schema, version: int, *, is_newest: bool) -> Iterator[str]:
    resolve: Resolve = lambda schema, home: (_plain(described, schema), home)  # noqa: E731
    for place, shape in (
        ("path", Fields(call.path, frozenset(call.path))),
        ("query", call.versions[version] if call.versions else call.query),
    ):
        for difference in _differences(shape, _parameters(described, operation, place), "", resolve, place):
            if is_newest or place != "path" or " has the bounds " not in difference:
                yield difference
    headers = _parameters(described, operation, "header")["properties"]
    yield from (f"header {name}: is not described" for name in call.headers if name not in headers)
    yield from _in_request_body(call, operation, described, resolve)
    known = {int(status) for status in operation["responses"] if status.isdigit()}
    yield from (f"answers {status}: is not described" for status in {*call.answers, *call.refusals} - known)
    ways = [frozenset(way[name]) for way in operation.get("security") or () for name in way if "OAuth2" in name]
    if (call.scopes and call.scopes not in ways) or (ways and not call.scopes):
        yield f"needs other scopes: {ways}"
    for status, answer in call.answers.items():
        response = _plain(described, operation["responses"].get(str(status), {}))
        schema = response.get("content", {}).get(JSON, {}).get("schema")
        if is_newest and answer is not None:
            yield from _differences(answer, schema or {}, "", resolve, f"answer {status}")


def _in_request_body(call: Call, operation: Schema, described: Schema, resolve: Resolve) -> Iterator[str]:
    body = _plain(described, operation.get("requestBody") or {})
    content = body.get("content", {})
    if body.get("required") and not call.body:
        yield "takes a body"
    for media_type, shape in call.body.items():
        if getattr(shape, "beyond", ""):
            continue
        schema = content.get(media_type, content.get(JSON, {})).get("schema", {})
        yield from _differences(shape, schema, "", resolve, "body")


def _parameters(described: Schema, operation: Schema, place: str) -> Schema:
    """The parameters that stand in one place, as an object."""
    given = [_plain(described, one) for one in operation.get("parameters", ())]
    here = [one for one in given if one["in"] == place]
    return {
        "type": "object",
        "properties": {one["name"]: one["schema"] for one in here},
        "required": [one["name"] for one in here if one.get("required")],
    }


def _plain(described: Schema, schema: Schema) -> dict[str, Any]:
    """A schema without references and `allOf`, `nullable` in one way of the several that there are."""
    if "$ref" in schema:
        target: Any = described
        for step in schema["$ref"].split("/")[1:]:
            target = target[step]
        return {**_plain(described, target), **{name: schema[name] for name in schema if name == "nullable"}}
    plain = dict(schema)
    for part in plain.pop("allOf", ()):
        other = _plain(described, part)
        plain = {**plain, **other, "properties": {**plain.get("properties", {}), **other.get("properties", {})}} | {
            "required": [*plain.get("required", ()), *other.get("required", ())]
        }
    for several in ("oneOf", "anyOf"):
        real = [one for one in plain.get(several, ()) if one.get("type") != "null"]
        if several in plain and len(real) < len(plain[several]):
            plain["nullable"] = True
        if len(real) == 1:
            del plain[several]
            plain = {**plain, **_plain(described, real[0])} | {"nullable": plain.get("nullable", False)}
    if isinstance(plain.get("type"), list):
        plain["nullable"] = "null" in plain["type"]
        plain["type"] = next(kind for kind in plain["type"] if kind != "null")
    return plain


# --- lexicons --------------------------------------------------------------------------------------------------------
def lexicon_differences(table: Mapping[str, Call], folder: Path) -> list[str]:
    """In what a table differs from the lexicons below a folder."""

    @lru_cache
    def read(name: str) -> Schema:
        defs: Schema = json.loads((folder / (name.replace(".", "/") + ".json")).read_text())["defs"]
        return defs

    def resolve(schema: Schema, home: str) -> Described:
        while schema["type"] in {"ref", "record"}:
            if schema["type"] == "record":
                schema = schema["record"]
                continue
            name, _, part = _absolute(schema["ref"], home).partition("#")
            schema, home = read(name)[part or "main"], name
        return schema, home

    found: list[str] = []
    for path, call in table.items():
        method, name = path.split(" /xrpc/")
        if not (folder / (name.replace(".", "/") + ".json")).is_file():
            found.append(f"{name}: is not described")
            continue
        found += (f"{name}: {one}" for one in _in_lexicon(call, method, read(name)["main"], name, resolve))
    return found


def _in_lexicon(call: Call, method: str, main: Schema, home: str, resolve: Resolve) -> Iterator[str]:
    if main["type"] != {"GET": "query", "POST": "procedure"}[method]:
        yield f"is a {main['type']}"
    parameters = {**main.get("parameters", {}), "type": "object"}
    if not call.query.beyond:
        yield from _differences(call.query, {"properties": {}, **parameters}, home, resolve, "query")
    encoding, schema = main.get("input", {}).get("encoding"), main.get("input", {}).get("schema")
    if set(call.body) != ({encoding} if encoding else set()):
        yield f"takes a body of {encoding}"
    elif schema is not None:
        yield from _differences(call.body[encoding], schema, home, resolve, "body")
    answer, output = call.answers[200], main.get("output", {}).get("schema")
    if (answer is None) != (output is None):
        yield f"answers {output}"
    elif answer is not None and output is not None:
        yield from _differences(answer, output, home, resolve, "answer")
    unknown = call.errors - {error["name"] for error in main.get("errors", ())}
    yield from (f"error {name}: is not described" for name in sorted(unknown))


def _absolute(ref: str, home: str) -> str:
    return home + ref if ref.startswith("#") else ref


# --- one shape -------------------------------------------------------------------------------------------------------
def _differences(shape: Shape, schema: Schema, home: str, resolve: Resolve, at: str) -> Iterator[str]:
    if type(shape) is Shape or (isinstance(shape, Fields) and shape.beyond):
        return
    if isinstance(shape, Union):
        yield from _in_union(shape, schema, home, resolve, at)
        return
    plain, home = resolve(schema, home) if schema else (schema, home)
    several = plain.get("oneOf") or plain.get("anyOf")
    if isinstance(shape, Either):
        for one in shape.of:
            yield from _differences(one, plain, home, resolve, at)
    elif several:
        yield from min((list(_differences(shape, one, home, resolve, at)) for one in several), key=len)
    elif isinstance(shape, Binary):
        if (plain.get("type"), plain.get("format")) != ("string", "binary"):
            yield f"{at}: is no file but {plain}"
    elif plain.get("type") != TYPES[type(shape)]:
        yield f"{at}: is of type {plain.get('type')}"
    elif isinstance(shape, Fields):
        yield from _in_object(shape, plain, home, resolve, at)
    else:
        yield from _in_bounds(shape, plain, at)
        if isinstance(shape, Items):
            yield from _differences(shape.of, plain["items"], home, resolve, f"{at}[]")


def _in_object(shape: Fields, plain: Schema, home: str, resolve: Resolve, at: str) -> Iterator[str]:
    properties, required = plain.get("properties", {}), frozenset(plain.get("required", ()))
    if shape.is_part:
        required &= shape.known.keys()
    if shape.required != required:
        yield f"{at}: has to have {', '.join(sorted(required))}"
    named = plain.get("nullable")
    for name, one in shape.known.items():
        if name not in properties:
            yield f"{at}.{name}: is not described"
            continue
        may_be_null = name in named if isinstance(named, list) else _is_nullable(properties[name], home, resolve)
        if may_be_null != (name in shape.nullable):
            yield f"{at}.{name}: {'may' if may_be_null else 'may not'} be null"
        yield from _differences(one, properties[name], home, resolve, f"{at}.{name}")


def _is_nullable(schema: Schema, home: str, resolve: Resolve) -> bool:
    return not home and resolve(schema, home)[0].get("nullable") is True


def _in_union(shape: Union, schema: Schema, home: str, resolve: Resolve, at: str) -> Iterator[str]:
    refs = {_absolute(one, home) for one in schema.get("refs", ())}
    for name, one in shape.of.items():
        if schema["type"] != "unknown" and name not in refs:
            yield f"{at}: is never {name}"
        else:
            yield from _differences(one, {"type": "ref", "ref": name}, home, resolve, f"{at}({name})")


def _in_bounds(shape: Shape, plain: Schema, at: str) -> Iterator[str]:
    """Limits, forms and options. A lexicon has its lengths of lists where OpenAPI has those of texts."""
    list_least, list_most = plain.get("minItems", plain.get("minLength")), plain.get("maxItems", plain.get("maxLength"))
    ours: Any = ()
    theirs: Any = ()
    match shape:
        case Text():
            options = frozenset(plain.get("enum") or plain.get("knownValues") or ())
            if not (options >= set(shape.options) if shape.is_some and options else options == set(shape.options)):
                yield f"{at}: is one of {', '.join(sorted(options))}"
            ours = shape.pattern, shape.form, shape.least, shape.most, shape.most_graphemes
            theirs = (
                plain.get("pattern", ""),
                plain.get("format", ""),
                plain.get("minLength"),
                plain.get("maxLength"),
                plain.get("maxGraphemes"),
            )
        case Whole():
            ours, theirs = (shape.least, shape.most), (plain.get("minimum"), plain.get("maximum"))
        case Items():
            ours, theirs = (shape.least, shape.most), (list_least, list_most)
        case Blob():
            ours, theirs = (shape.accept, shape.most), (tuple(plain.get("accept", ())), plain.get("maxSize"))
    if ours != theirs:
        yield f"{at}: has the bounds {theirs}, not {ours}"


# What every call of the Graph API takes: https://developers.facebook.com/docs/graph-api/overview, …/results and
# …/guides/secure-requests; and files, which Meta's specifications leave out.
GRAPH_PARAMETERS = frozenset({"after", "appsecret_proof", "fields", "limit", "since"})
GRAPH_FILES = frozenset({"source", "video_file_chunk"})


def graph_differences(
    table: Mapping[str, Call], edges: Mapping[str, tuple[str, str]], read: Callable[[str], Schema]
) -> Iterator[str]:
    """In what a table differs from Meta's object specifications.

    `edges`: of which object and edge each call is ("" = the object itself). `read`: an object's specification by name.
    """
    for name, call in table.items():
        if call.beyond:
            continue
        method, node, edge = name.partition(" ")[0], *edges[name]
        wanted = {"endpoint": edge} if edge else {"name": f"#{method.lower()}"}
        found = [one for one in read(node)["apis"] if one["method"] == method and wanted.items() <= one.items()]
        if not found:
            yield f"{name}: {node} has no {method} {edge}"
            continue
        known = {param["name"] for param in found[0]["params"]} | GRAPH_PARAMETERS | GRAPH_FILES
        yield from (f"{name}: {node}/{edge} does not take {param}" for param in _sent_by(call) - known)


def _sent_by(call: Call) -> set[str]:
    """The names of what a call sends in its query and forms."""
    shapes = [call.query]
    for body in call.body.values():
        shapes += body.of if isinstance(body, Either) else [body] if isinstance(body, Fields) else []
    return {name for shape in shapes for name in shape.known}


# --- Google's discovery documents ------------------------------------------------------------------------------------
def discovery_differences(table: Mapping[str, Call], methods: Mapping[str, str], document: Schema) -> Iterator[str]:
    """In what a table differs from a discovery document: methods, parameters, names of fields, options, permissions.

    `methods`: which method each call is, as `videos.list`. The document does not say which fields have to be there, and
    Google takes any one of a method's permissions.
    """
    for name, call in table.items():
        if call.beyond:
            continue
        resource, _, method_name = methods[name].rpartition(".")
        method = document["resources"][resource]["methods"].get(method_name)
        verb, _, path = name.partition(" ")
        uploads = method.get("mediaUpload", {}).get("protocols", {}).get("simple", {}).get("path") if method else None
        if method is None or verb != method["httpMethod"] or path not in {f"/{method['path']}", uploads}:
            yield f"{name}: is not described"
            continue
        parameters = {**document["parameters"], **method["parameters"]}
        required = {one for one, said in method["parameters"].items() if said.get("required")}
        yield from (f"{name}: lacks {one}" for one in required - call.query.required)
        yield from (f"{name}: {one}" for one in _in_schema(call.query, {"properties": parameters}, document, "query"))
        for sent in call.body.values():
            yield from (f"{name}: {one}" for one in _in_schema(sent, method.get("request", {}), document, "body"))
        for read in call.answers.values():
            yield from (f"{name}: {one}" for one in _in_schema(read, method.get("response", {}), document, "answer"))
        if not call.scopes or not call.scopes <= set(method["scopes"]):
            yield f"{name}: needs one of {', '.join(method['scopes'])}"


def _in_schema(shape: Shape | None, schema: Schema, document: Schema, at: str) -> Iterator[str]:
    plain = document["schemas"][schema["$ref"]] if "$ref" in schema else schema
    if isinstance(shape, Fields):
        for name, one in shape.known.items():
            if name not in plain.get("properties", {}):
                yield f"{at}.{name}: is not described"
            else:
                yield from _in_schema(one, plain["properties"][name], document, f"{at}.{name}")
    elif isinstance(shape, Items):
        yield from _in_schema(shape.of, plain.get("items", plain), document, f"{at}[]")
    elif isinstance(shape, Text) and shape.options and "enum" in plain and not set(shape.options) <= set(plain["enum"]):
        yield f"{at}: is one of {', '.join(plain['enum'])}"
    elif isinstance(shape, Flag | Whole) and plain.get("type") != TYPES[type(shape)]:
        yield f"{at}: is of type {plain.get('type')}"
