import re

from odoo import api, models
from odoo.tools.translate import LazyTranslate

_lt = LazyTranslate(__name__)

PLACE = re.compile(r"line (?P<line>\d+), column (?P<column>\d+): (?P<why>.*)", re.DOTALL)
# What Jinja2 and the engine's own policy (tools/sandbox/policy.py) say most often; the rest is shown as it is.
SENTENCES = {
    r"unexpected end of template, expected 'end of print statement'": _lt("{{ is not closed: }} is missing"),
    r"Unexpected end of template.*closed is '(?P<block>\w+)'": _lt("{%% %(block)s %%} is not closed: end%(block)s"),
    r"Unexpected end of template|unexpected end of template": _lt("the text ends too early: something is not closed"),
    r"Encountered unknown tag '(?P<tag>\w+)'.*": _lt("{%% %(tag)s %%} is not known"),
    r"expected token 'end of print statement', got '(?P<got>.+)'": _lt("}} is expected in place of “%(got)s”"),
    r"expected token 'end of statement block', got '(?P<got>.+)'": _lt("%%} is expected in place of “%(got)s”"),
    r"expected token '(?P<token>.+)', got '(?P<got>.+)'": _lt("“%(token)s” is expected in place of “%(got)s”"),
    r"Expected an expression, got '.+'": _lt("a value is missing here"),
    r"expected name or number": _lt("a name is missing behind the dot"),
    r"unexpected '(?P<got>.+)', expected '(?P<token>.+)'": _lt("“%(token)s” is expected in place of “%(got)s”"),
    r"The template needs too much memory or time": _lt("the template needs too much memory or time"),
    r"unexpected '(?P<got>.+)'": _lt("“%(got)s” cannot stand here"),
    r"""unexpected char ['"](?P<got>.+)['"] at.*""": _lt("“%(got)s” cannot stand here"),
    r"Missing end of comment tag": _lt("the comment is not closed: write #}"),
    r"Unknown or forbidden filter: (?P<name>\w+) \(did you mean (?P<close>\w+)\?\)": _lt(
        "unknown or forbidden filter: %(name)s (%(close)s?)"
    ),
    r"Unknown or forbidden filter: (?P<name>\w+)": _lt("unknown or forbidden filter: %(name)s"),
    r"Unknown or forbidden test: (?P<name>\w+)": _lt("unknown or forbidden test: %(name)s"),
    r"Function calls are not allowed": _lt("functions cannot be called"),
    r"Names that start with an underscore are reserved.*": _lt("names that start with an underscore are reserved"),
    r"A merge tag such as \[FNAME\] stands outside of .*": _lt("a merge tag such as [FNAME] stands outside of {{ }}"),
    r"(?P<tag>\[.+\]) is not known here; write what it stands for": _lt("%(tag)s is not known here"),
    r"Variables cannot be set inside a loop": _lt("variables cannot be set inside a loop"),
    r"Templates cannot (?:include|import|extend) other templates": _lt("a template cannot use another one"),
}


class EngineTemplateError(models.AbstractModel):
    """Says in the reader's language what is wrong with a template, and where."""

    _name = "engine.template.error"
    _description = "Mistake in a template"

    @api.model
    def _say(self, message):
        """Return the sentence for what `TemplateRenderer.validate_template` says."""
        place = PLACE.fullmatch(message)
        if not place:
            return message
        return self.env._(
            "line %(line)s, column %(column)s: %(why)s",
            line=place["line"],
            column=place["column"],
            why=self._say_why(place["why"]),
        )

    @api.model
    def _say_why(self, why):
        for pattern, text in SENTENCES.items():
            if found := re.fullmatch(pattern + r"\.?", why, re.DOTALL):
                values = found.groupdict()
                words = self.env._(text)
                return words % values
        return why
