"""What the linter says about a line: in English, ready to be said in another language."""

from dataclasses import dataclass


def translatable(text):
    """Mark a text for translation, as that of `tools.finding`: the linter also runs alone."""
    return text


_ = translatable  # the name within which Odoo collects the texts


ERROR, WARNING = "error", "warning"
# The sentence that `pmta test config` would print
SENTENCES = {
    ERROR: _("Error in line %(line)s of %(file)s: %(message)s [%(code)s]"),
    WARNING: _("Warning in line %(line)s of %(file)s: %(message)s [%(code)s]"),
}


@dataclass(frozen=True, order=True)
class Finding:
    """One finding: the line (from 1), the rule's code, its severity, a text and (name, value) of what fills it."""

    line: int
    code: str
    severity: str
    text: str
    values: tuple = ()

    def render(self, filename, translate=translatable):
        """Return the sentence about this finding; `translate` takes an English text and returns the reader's."""
        message = translate(self.text) % dict(self.values)
        words = {"line": self.line, "file": filename, "message": message, "code": self.code}
        return translate(SENTENCES[self.severity]) % words


def error(line, code, text, **values):
    return Finding(line, code, ERROR, text, tuple(values.items()))


def warning(line, code, text, **values):
    return Finding(line, code, WARNING, text, tuple(values.items()))
