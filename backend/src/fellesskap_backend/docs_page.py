"""`/docs`: the OpenAPI document as one page, without scripts and without anything from outside."""

import json
from html import escape
from typing import Any

Json = dict[str, Any]
AUDIENCES = ("public", "carrier", "operator", "all")
"""Who reads a document; `documents` makes one for each."""
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
       color: #1c2024; background: #fff; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #d5dae0; }
h3 code { font-size: 1.05rem; }
.method { display: inline-block; min-width: 3.5rem; padding: 0 .5rem; border-radius: .25rem;
          color: #fff; background: #1f5f8b; text-align: center; font-size: .85rem; }
.method.post { background: #2b6e3f; }
pre { background: #f3f5f7; padding: .75rem 1rem; border-radius: .25rem; overflow-x: auto;
      font-size: .85rem; }
table { border-collapse: collapse; } td { padding: .1rem 1.5rem .1rem 0; vertical-align: top; }
@media (prefers-color-scheme: dark) {
  body { color: #e4e8ec; background: #16191d; } pre { background: #22272d; }
  h2 { border-color: #3a424b; } a { color: #8cc4ee; }
}
"""


def page(document: Json) -> str:
    """Render an OpenAPI document."""
    info = document["info"]
    sections: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            tag = operation.get("tags", ["Other"])[0]
            sections.setdefault(tag, []).append(_operation(document, method, path, operation))
    body = "".join(f"<h2>{escape(tag)}</h2>{''.join(ones)}" for tag, ones in sections.items())
    title = escape(f"{info['title']} {info['version']}")
    machines = " ".join(
        f'<a href="/v1/openapi/{audience}.json">{audience}</a>' for audience in AUDIENCES
    )
    return frame(
        title,
        f"{_text(info['description'])}<p>For machines, by audience: {machines}. "
        f'<a href="/problems">What can go wrong</a>.</p>{body}',
    )


def frame(title: str, body: str) -> str:
    """Put a page around what it shows; `title` and `body` are HTML already."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>{body}</body></html>"
    )


def _operation(document: Json, method: str, path: str, operation: Json) -> str:
    parts = [
        f'<h3><span class="method {method}">{method.upper()}</span> '
        f"<code>{escape(path)}</code> {escape(operation.get('summary', ''))}</h3>",
        _text(operation.get("description", "")),
        _parameters(operation.get("parameters", [])),
    ]
    asked = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if asked:
        schema = _resolved(document, asked["schema"])
        parts.append(_text(schema.get("description", "")))
        parts.extend(_example("Request", one) for one in schema.get("examples", []))
    for status, answer in operation.get("responses", {}).items():
        for content in answer.get("content", {}).values():
            if "example" in content:
                told = f"{status} {answer.get('description', '')}"
                parts.append(_example(told, content["example"]))
    return "".join(parts)


def _parameters(parameters: list[Json]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(one['name'])}</code></td><td>{escape(one['in'])}"
        f"{', required' if one.get('required') else ''}</td>"
        f"<td>{escape(one.get('description', ''))}</td></tr>"
        for one in parameters
    )
    return f"<table>{rows}</table>" if rows else ""


def _resolved(document: Json, schema: Json) -> Json:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: Json = document["components"]["schemas"][reference.rsplit("/", 1)[1]]
    return found


def _example(title: str, example: Any) -> str:
    shown = escape(json.dumps(example, indent=2, ensure_ascii=False))
    return f"<p>{escape(title)}</p><pre>{shown}</pre>"


def _text(text: str) -> str:
    return f"<p>{escape(text)}</p>" if text else ""
