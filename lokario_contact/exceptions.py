from odoo.addons.lokario_base.exceptions import NotAccepted


class CaptchaNeeded(NotAccepted):
    """The browser has to do the calculation of `tools/captcha.py` first; the text is for the visitor."""
