"""What a client of an instance does: reads the mail, logs in."""

import email
import email.policy
import re
import urllib.error
import urllib.parse
import urllib.request
import uuid

LOGIN = re.compile(r"(?:Password|Mot de passe)\s*(\S{20})\b")


def text_of(raw):
    message = email.message_from_string(raw, policy=email.policy.default)
    return message.get_body(("plain",)).get_content()


def name():
    return f"c{uuid.uuid4().hex[:10]}"


def password_in(raw):
    return LOGIN.search(text_of(raw).replace("*", "")).group(1)


def visit(environment, host, path):
    """The text of a page as nobody sees it, and the cookie of the visit."""
    request = urllib.request.Request(environment.server.url + path, headers={"Host": host})
    with urllib.request.urlopen(request, timeout=120) as response:
        return response.read().decode(), session_of(response.headers)


def session_of(headers):
    """The session cookie that an answer sets."""
    cookies = headers.get_all("Set-Cookie")
    return next(cookie.partition(";")[0] for cookie in cookies if cookie.startswith("session_id="))


def submit(environment, host, path, **fields):
    """Visit a page and send its form; the headers of the redirection, None when the form came back."""
    page, cookie = visit(environment, host, path)
    fields["csrf_token"] = re.search(r'csrf_token: "([^"]+)"', page).group(1)
    form = urllib.parse.urlencode(fields).encode()
    request = urllib.request.Request(environment.server.url + path, form, {"Host": host, "Cookie": cookie})
    try:
        urllib.request.build_opener(NoRedirect).open(request, timeout=120).close()
    except urllib.error.HTTPError as redirect:
        if redirect.code == 303:
            return redirect.headers
    return None


def log_in(environment, host, login, password):
    """Log in as the client does in a browser; returns the session cookie, None when refused."""
    headers = submit(environment, host, "/web/login", login=login, password=password)
    return headers and session_of(headers)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args):
        return None
