"""docs/webhooks.md: the Go code that it shows verifies what we sign. It is compiled, which takes seconds; the other
languages are tried in webhooks/tests/test_docs.py."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from webhooks.tests.test_docs import cases, code_in

IMPORTS = (
    "crypto/hmac", "crypto/sha256", "encoding/base64", "encoding/json", "errors", "fmt", "math", "net/http", "os",
    "strconv", "strings", "time",
)  # fmt: skip
EACH = """
func main() {
	var told []struct {
		Secret, Body string
		Headers      map[string]string
	}
	if err := json.NewDecoder(os.Stdin).Decode(&told); err != nil {
		panic(err)
	}
	for _, one := range told {
		headers := http.Header{}
		for name, value := range one.Headers {
			headers.Set(name, value)
		}
		if Verify([]byte(one.Body), headers, one.Secret) == nil {
			fmt.Println("yes")
		} else {
			fmt.Println("no")
		}
	}
}
"""


def test_go_verifies(tmp_path: Path) -> None:
    if shutil.which("go") is None:
        pytest.skip("go is not on this machine")
    imports = "\n".join(f'"{name}"' for name in IMPORTS)
    source = tmp_path / "main.go"
    source.write_text(f"package main\n\nimport (\n{imports}\n)\n\n{code_in('go')}{EACH}")
    given = cases()
    told = json.dumps([{"secret": s, "body": b.decode(), "headers": h} for s, b, h, _ in given])
    own = {"GOCACHE": str(tmp_path / "cache"), "GO111MODULE": "off", "GOFLAGS": "", "GOPATH": str(tmp_path / "path")}

    done = subprocess.run(
        ["go", "run", str(source)], input=told, capture_output=True, text=True, check=False, env={**os.environ, **own}
    )

    assert done.stderr == ""
    assert done.stdout.split() == ["yes" if is_genuine else "no" for *_, is_genuine in given]
