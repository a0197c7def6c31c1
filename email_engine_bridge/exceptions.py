"""Errors of the engine, named after what the caller can do about them."""

import logging
from http import HTTPStatus


class EngineError(Exception):
    """Base of the errors raised by the engine's tools: an English text, and the values that fill it.

    `engine.finding` says it in the reader's language.
    """

    def __init__(self, text, **values):
        super().__init__(text % values if values else text)
        self.text, self.values = text, values


class EngineUnavailable(EngineError):
    """The remote server did not answer: try again later."""


class EngineRejected(EngineError):
    """The remote server, or a rule, refused: trying again changes nothing."""


class SubscriberRejected(EngineRejected):
    """MailWizz does not take this one person: the others are not concerned."""


class ApiProblem(Exception):
    """An answer of the REST API that is not a success (RFC 9457 problem document).

    `extra` holds more members of the document, e.g. {"error": "No IPs …"}.
    `loglevel` is read by Odoo's HTTP layer: the caller's mistakes are no server errors.
    """

    loglevel = logging.INFO

    def __init__(self, status, detail, *, title=None, extra=None, headers=None):
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.title = title or HTTPStatus(status).phrase
        self.extra = extra or {}
        self.headers = headers or {}


class TemplateRejected(EngineRejected):
    """The template, or what it does with the data, is refused; the text says where and why."""
