"""What a tool found, without words: `engine.finding` says it in the reader's language."""


def translatable(text):
    """Mark a text for translation (gettext's N_): whoever shows it knows the reader's language.

    Import it as `_`: Odoo collects what stands within that name.
    """
    return text


def finding(code, **values):
    """Return a finding that JSON can hold.

    `values` fill the text of the code: texts, whole numbers, shares (floats from 0 to 1) or
    another finding.
    """
    return {"code": code, **values}
