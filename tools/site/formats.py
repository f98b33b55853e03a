"""File formats as pages, one a JSON Schema. Imports ``verify`` for the lock file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from verify.documents.checkout import source_checkout
from verify.documents.markdown import markdown_table
from verify.guarding.lock import Lock

_FOLDERS = ("reports/schema", "verify/documents")
Schema = Mapping[str, Any]


def pages(_docs: Path) -> dict[str, str]:
    """Return a page and the schema itself for every format, and one page that lists them."""
    texts, rows, names = {}, [], []
    for name, text in _schemas().items():
        schema = json.loads(text)
        texts[f"formats/{name}.json"] = text
        texts[f"formats/{name}.markdown"] = _page(name, schema)
        rows.append((f"[{name}]({name}.markdown)", _cell(schema.get("description", ""))))
        names.append(name)
    table = markdown_table(("format", "holds"), rows)
    lines = ["# File formats", "", *table, "", "```{toctree}", ":hidden:", "", *names, "```", ""]
    texts["formats/index.markdown"] = "\n".join(lines)
    return texts


def _schemas() -> dict[str, str]:
    """The text of every schema by its name and version; that of the lock file is not shipped."""
    root = source_checkout()
    paths = [path for folder in _FOLDERS for path in sorted((root / folder).glob("*.schema.json"))]
    texts = {path.name.removesuffix(".schema.json"): path.read_text("utf-8") for path in paths}
    texts["lock-1"] = json.dumps(Lock.model_json_schema(), indent=2) + "\n"
    return texts


def _page(name: str, schema: Schema) -> str:
    lines = [f"# {name}", "", f"The JSON Schema: [{name}.json]({name}.json).", ""]
    lines += _part(schema)
    for title, part in schema.get("$defs", {}).items():
        lines += [f"## {title}", "", *_part(part)]
    return "\n".join(lines)


def _part(schema: Schema) -> list[str]:
    """The description of an object or of a list of names, and a table of what is in it."""
    lines = [" ".join(schema.get("description", "").split()), ""]
    if "enum" in schema:
        return [*lines, "One of " + ", ".join(f"`{name}`" for name in schema["enum"]) + ".", ""]
    required = schema.get("required", [])
    rows = [
        (
            f"`{name}`",
            _type(part),
            "" if name in required else "no",
            _cell(part.get("description", "")),
        )
        for name, part in schema.get("properties", {}).items()
    ]
    return [*lines, *markdown_table(("field", "type", "required", "meaning"), rows), ""]


def _type(schema: Schema) -> str:
    """The type of a field in words; that of another part links it."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(part) for part in schema["anyOf"])
    if "const" in schema:
        return f"`{schema['const']}`"
    kind = str(schema.get("type", "anything"))
    if kind == "array":
        parts = schema.get("prefixItems") or [schema.get("items", {})]
        return "list of " + ", ".join(_type(part) for part in parts)
    if isinstance(schema.get("additionalProperties"), dict):
        return f"table of {_type(schema['additionalProperties'])}"
    return kind


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("<", "\\<").replace("*", "\\*")
