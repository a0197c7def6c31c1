"""`TemplateRenderer`: the engine's public template API, with the names its users know."""

import functools

from ..exceptions import TemplateRejected
from .template_sandbox import TemplateSandbox
from .template_text import derive_text

SAMPLE = {
    "first_name": "Jean",
    "last_name": "Dupont",
    "name": "Jean Dupont",
    "email": "jean.dupont@example.com",
    "company": "Exemple SARL",
    "unsubscribe_url": "https://example.com/unsubscribe",
    "web_version_url": "https://example.com/web-version",
}


@functools.cache
def shared_sandbox():
    """One worker per server process, started at first use."""
    return TemplateSandbox()


class TemplateRenderer:
    """Render Jinja2 and merge tags; a missing variable is an empty text and listed in `missing`."""

    def __init__(self, sandbox=None, keep_tags=False):
        self._sandbox = sandbox or shared_sandbox()
        self._keep_tags = keep_tags
        self.missing = []

    def render_subject(self, source, values):
        """The subject on one line: no CR, LF or control character survives."""
        return self._render_one(source, "header", values)

    def render(self, source, values):
        """The HTML body; values are escaped."""
        return self._render_one(source, "html", values)

    def render_batch(self, subject, html, text, rows):
        """([[subject, html, text] | None], errors by row) for one message a row of values."""
        [result] = self.render_batches(subject, html, text, [rows])
        return result.texts, result.errors

    def render_batches(self, subject, html, text, batches, common=None):
        """Yield a `Rendered` for each batch; the next one is rendered while one is used."""
        parts = [
            (subject, "header", self._keep_tags),
            (html, "html", self._keep_tags),
            (text or derive_text(html), "text", self._keep_tags),
        ]
        missing = set()
        for rendered in self._sandbox.render_batches(parts, batches, common):
            missing |= set(rendered.missing)
            self.missing = sorted(missing)
            yield rendered

    def validate_template(self, source, kind="html"):
        """(True, "") or (False, "line 3, column 8: why")."""
        error = self._sandbox.inspect(source, kind, self._keep_tags).get("error")
        return (False, "line {line}, column {column}: {message}".format(**error)) if error else (True, "")

    def get_template_variables(self, source):
        """Names the template uses, in order of first appearance; merge tags as `[FNAME]`."""
        answer = self._sandbox.inspect(source)
        if "error" in answer:
            raise TemplateRejected("line {line}, column {column}: {message}".format(**answer["error"]))
        return answer["variables"]

    def preview(self, subject, html, text="", sample=None, defaults=SAMPLE):
        """(subject, html, text) with sample data for what the caller does not give."""
        texts, errors = self.render_batch(subject, html, text, [defaults | (sample or {})])
        if errors:
            raise TemplateRejected(errors[0]["message"])
        return tuple(texts[0])

    def _render_one(self, source, kind, values):
        rendered = self._sandbox.render_batch([(source, kind, self._keep_tags)], [values])
        self.missing = sorted(rendered.missing)
        if rendered.errors:
            raise TemplateRejected(rendered.errors[0]["message"])
        return rendered.texts[0][0]
