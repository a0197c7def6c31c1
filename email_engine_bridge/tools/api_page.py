"""An OpenAPI document as one HTML page: no script, no font, nothing from elsewhere."""

import json

from jinja2 import Environment

METHODS = ("get", "post", "put", "patch", "delete")

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ info.title }}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
 body{font:16px/1.5 system-ui,sans-serif;margin:0;color:#1b2733;background:#f5f7f9}
 main{max-width:60rem;margin:auto;padding:1.5rem} h1{margin:.2rem 0} code,pre{font:13px/1.45 ui-monospace,monospace}
 nav{columns:2;background:#fff;padding:1rem;border-radius:8px} nav a{display:block;text-decoration:none;color:#1c4e80}
 section{background:#fff;border-radius:8px;padding:1rem 1.2rem;margin:1rem 0;border-left:5px solid #1c4e80}
 .get{border-color:#2a7f62}.post{border-color:#b26a00}.delete{border-color:#b3261e}
 .verb{font-weight:700;text-transform:uppercase;margin-right:.6rem}
 pre{background:#10202f;color:#e8eef4;padding:.8rem;border-radius:6px;overflow:auto}
 table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #dde3e8}
 .lock{color:#5b6b7a;font-size:.85rem}
</style></head><body><main>
<h1>{{ info.title }}</h1><p>{{ info.description }}</p>
<p>Every call carries <code>Authorization: Bearer &lt;key&gt;</code>. Errors are problem documents (RFC 9457) with a
<code>request_id</code>. The machine-readable description is at <a href="{{ base }}/openapi.json">openapi.json</a>.</p>
<nav>{% for op in operations %}
<a href="#{{ op.id }}"><code>{{ op.method|upper }} {{ op.path }}</code></a>{% endfor %}</nav>
{% for op in operations %}
<section id="{{ op.id }}" class="{{ op.method }}">
<h3><span class="verb">{{ op.method }}</span><code>{{ op.path }}</code></h3>
<p>{{ op.description }}{% if op.locked %} <span class="lock">Needs a key.</span>{% endif %}</p>
<pre>{{ op.curl }}</pre>
{% if op.parameters %}<table><tr><th>Parameter</th><th>In</th><th>Kind</th><th></th></tr>
{% for p in op.parameters %}<tr><td><code>{{ p.name }}</code></td><td>{{ p.in }}</td><td>{{ p.kind }}</td>
<td>{{ "required" if p.required }}</td></tr>{% endfor %}</table>{% endif %}
{% if op.body %}<h4>Body</h4><pre>{{ op.body }}</pre>{% endif %}
<h4>Answers</h4><table>{% for a in op.answers %}<tr><td><code>{{ a.status }}</code></td><td>{{ a.description }}</td>
<td><code>{{ a.shape }}</code></td></tr>{% endfor %}</table>
</section>{% endfor %}
<h2>Shapes</h2>
{% for name, fields in shapes %}<section id="shape-{{ name }}"><h3>{{ name }}</h3><table>
{% for f in fields %}<tr><td><code>{{ f.name }}</code></td><td>{{ f.kind }}</td><td>{{ f.text }}</td></tr>{% endfor %}
</table></section>{% endfor %}
</main></body></html>
"""


def render_page(document, base):
    """Return the page of an OpenAPI document (a dictionary); `base` is the address of the API."""
    template = Environment(autoescape=True).from_string(PAGE)
    return template.render(
        info={"title": "", "description": "", **document.get("info", {})},
        base=base,
        operations=list(_operations(document, base)),
        shapes=[(name, _fields(shape)) for name, shape in sorted(_schemas(document).items())],
    )


def _schemas(document):
    return document.get("components", {}).get("schemas", {})


def _operations(document, base):
    for path, item in sorted(document.get("paths", {}).items()):
        for method in METHODS:
            if method in item:
                yield _operation(document, base, path, method, item[method])


def _operation(document, base, path, method, operation):
    parameters = [
        {**parameter, "kind": _kind(parameter.get("schema", {}))}
        for parameter in operation.get("parameters", [])
        if parameter["in"] != "header"
    ]
    body = _body(document, operation)
    return {
        "id": f"{method}{path}".replace("/", "-").replace("{", "").replace("}", ""),
        "method": method,
        "path": path,
        "description": operation.get("description") or operation.get("summary", ""),
        "locked": bool(operation.get("security")),
        "parameters": parameters,
        "body": body,
        "curl": _curl(base + path, method, body),
        "answers": [_answer(status, answer) for status, answer in sorted(operation.get("responses", {}).items())],
    }


def _curl(url, method, body):
    verb = "" if method == "get" else f" -X {method.upper()}"
    data = f" \\\n  -d '{body}'" if body else ""
    return f'curl -fsS{verb} -H "Authorization: Bearer $KEY" {url}{data}'


def _answer(status, answer):
    schemas = [content.get("schema", {}) for content in answer.get("content", {}).values()]
    return {
        "status": status,
        "description": answer.get("description", ""),
        "shape": _kind(schemas[0]) if schemas else "",
    }


def _body(document, operation):
    """Return an example of the JSON body, or nothing."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    return json.dumps(_example(document, content.get("schema", {}))) if content else ""


def _example(document, schema, depth=0):
    if "$ref" in schema:
        schema = _schemas(document).get(schema["$ref"].rpartition("/")[2], {})
    if schema.get("examples"):
        return schema["examples"][0]
    if "default" in schema or depth > 4:
        return schema.get("default")
    if "anyOf" in schema:
        return _example(document, schema["anyOf"][0], depth + 1)
    if schema.get("type") == "object":
        wanted = schema.get("required", [])
        items = schema.get("properties", {}).items()
        return {name: _example(document, field, depth + 1) for name, field in items if name in wanted}
    if schema.get("type") == "array":
        return [_example(document, schema.get("items", {}), depth + 1)]
    return {"integer": schema.get("minimum", 1), "number": 1.0, "boolean": True}.get(schema.get("type"), "…")


def _fields(shape):
    return [
        {"name": name, "kind": _kind(field), "text": field.get("description", "")}
        for name, field in shape.get("properties", {}).items()
    ]


def _kind(schema):
    """Return a schema in a word: integer, list of IpQuota, string or null."""
    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(_kind(option) for option in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return schema.get("type", "anything")
