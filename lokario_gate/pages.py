"""What a visitor without an instance sees: one self-contained page, or JSON for programs; in the visitor's language."""

import json
import re
from html import escape

from werkzeug.wrappers import Response

RETRY_AFTER = 3600  # seconds; a hint to robots, a suspension is lifted by people
START_RETRY = 10  # seconds
TEXTS = {
    "unknown": {
        "en": ("There is nothing here", "No instance answers at this address. Please check how it is spelled."),
        "fr": ("Il n’y a rien ici", "Aucune instance ne répond à cette adresse. Vérifiez son orthographe."),
        "es": ("Aquí no hay nada", "Ninguna instancia responde en esta dirección. Compruebe cómo está escrita."),
        "de": ("Hier ist nichts", "Unter dieser Adresse antwortet keine Instanz. Bitte prüfen Sie die Schreibweise."),
    },
    "starting": {
        "en": ("This instance is starting", "Please try again in a moment."),
        "fr": ("Cette instance démarre", "Veuillez réessayer dans un instant."),
        "es": ("Esta instancia se está iniciando", "Vuelva a intentarlo dentro de un momento."),
        "de": ("Diese Instanz startet", "Bitte versuchen Sie es gleich noch einmal."),
    },
    "suspended": {
        "en": ("This instance is suspended", "Your data is safe. Please contact us to have the access restored."),
        "fr": ("Cette instance est suspendue", "Vos données sont en sécurité. Contactez-nous pour rétablir l’accès."),
        "es": ("Esta instancia está suspendida", "Sus datos están a salvo. Contáctenos para restablecer el acceso."),
        "de": ("Diese Instanz ist gesperrt", "Ihre Daten sind sicher. Für die Freigabe wenden Sie sich bitte an uns."),
    },
    "away": {
        "en": ("The database cannot be reached", "Please try again in a minute. You stay logged in."),
        "fr": ("La base de données est inaccessible", "Réessayez dans une minute. Vous restez connecté."),
        "es": ("No se puede acceder a la base de datos", "Vuelva a intentarlo en un minuto. Su sesión sigue abierta."),
        "de": ("Die Datenbank ist nicht erreichbar", "Versuchen Sie es in einer Minute. Sie bleiben angemeldet."),
    },
}
RETRY_SOON = 30  # seconds; PostgreSQL is being restarted
CONTACT = {"en": "Contact", "fr": "Contact", "es": "Contacto", "de": "Kontakt"}
LANGUAGES = re.compile(r"\b(en|fr|es|de)\b")
PAGE = """<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex"><title>{title}</title>
<style>
  :root {{ color-scheme: light dark; }}
  body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; font: 17px/1.6 system-ui, sans-serif;
         background: linear-gradient(160deg, #f4f5fb, #e7e9f6); color: #23263b; }}
  main {{ max-width: 34rem; margin: 1.5rem; padding: 2.5rem 3rem; background: #fff; border-radius: 18px;
         box-shadow: 0 18px 50px #23263b1f; }}
  .mark {{ width: 52px; height: 52px; border-radius: 14px; background: #4b4ee6; color: #fff; display: grid;
          place-items: center; font-weight: 700; font-size: 26px; }}
  h1 {{ font-size: 1.55rem; line-height: 1.25; margin: 1.4rem 0 .6rem; }}
  p {{ margin: .4rem 0; white-space: pre-line; }} .quiet {{ color: #6a6f8d; font-size: .92rem; margin-top: 1.4rem; }}
  a {{ color: #4b4ee6; }}
  @media (prefers-color-scheme: dark) {{
    body {{ background: #171827; color: #eceefa; }} main {{ background: #22243a; box-shadow: none; }}
    .quiet {{ color: #a4a9c9; }} a {{ color: #9ea1ff; }} }}
</style>
</head>
<body><main><div class="mark" aria-hidden="true">L</div><h1>{title}</h1><p>{message}</p>{contact}
<p class="quiet">{host}</p></main></body>
</html>
"""


def language(environ: dict) -> str:
    """The first of the visitor's languages that the pages speak; else English."""
    found = LANGUAGES.search(environ.get("HTTP_ACCEPT_LANGUAGE", "").lower())
    return found[1] if found else "en"


def wants_json(environ: dict) -> bool:
    kinds = environ.get("CONTENT_TYPE", "") + environ.get("HTTP_ACCEPT", "")
    return "json" in kinds or environ.get("PATH_INFO", "").startswith(("/json", "/api/"))


def unknown(environ: dict, host: str) -> Response:
    title, message = TEXTS["unknown"][language(environ)]
    return _answer(environ, 404, title, message, "", host)


def starting(environ: dict, host: str) -> Response:
    """Nobody listens: after a failure the instance is started again within a minute."""
    title, message = TEXTS["starting"][language(environ)]
    response = _answer(environ, 503, title, message, "", host)
    response.headers["Retry-After"] = str(START_RETRY)
    return response


def suspended(environ: dict, host: str, route) -> Response:
    """The page of a suspended instance: 503, because the address is right and the access will come back."""
    title, message = TEXTS["suspended"][language(environ)]
    contact = route.contact or ""
    response = _answer(environ, 503, title, route.message or message, contact, host)
    response.headers["Retry-After"] = str(RETRY_AFTER)
    return response


def away(environ: dict, host: str) -> Response:
    """The page while PostgreSQL does not answer."""
    title, message = TEXTS["away"][language(environ)]
    response = _answer(environ, 503, title, message, "", host)
    response.headers["Retry-After"] = str(RETRY_SOON)
    return response


def _answer(environ: dict, status: int, title: str, message: str, contact: str, host: str) -> Response:
    headers = {"Cache-Control": "no-store"}
    if wants_json(environ):
        body = json.dumps({"error": {"code": status, "message": title, "data": {"message": message}}})
        return Response(body, status, headers, mimetype="application/json")
    tongue = language(environ)
    page = PAGE.format(
        language=tongue,
        title=escape(title),
        message=escape(message),
        contact=f"<p>{CONTACT[tongue]}{' :' if tongue == 'fr' else ':'} {_link(contact)}</p>" if contact else "",
        host=escape(host),
    )
    return Response(page, status, headers, mimetype="text/html")


def _link(contact: str) -> str:
    safe = escape(contact)
    return f'<a href="mailto:{safe}">{safe}</a>' if "@" in contact else safe
