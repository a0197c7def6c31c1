"""A stand-in for MailWizz: the part of its REST API the engine uses, over HTTP, and its own sending.

Form bodies, JSON answers, `X-Api-Key`, 409 for a subscriber that exists, as in the vendor's OpenAPI.
"""

import base64
import json
import re
import threading
import uuid
from collections import defaultdict
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit


class FakeMailWizz:
    """What the customer of this API key has: lists, subscribers, templates, campaigns."""

    def __init__(self, api_key):
        self.api_key = api_key
        self.lists = {}
        self.subscribers = {}  # (list uid, e-mail) -> record
        self.members = defaultdict(dict)  # list uid -> {subscriber uid: record}
        self.templates = {}
        self.campaigns = {}
        self.emails = {}  # transactional ones
        self.fail_next = []  # status codes to answer instead

    def send(self, now, limit):
        """What MailWizz's own job does: yield up to `limit` subscribers of the campaigns due at `now` (text)."""
        for campaign in self.campaigns.values():
            if campaign["status"] == "sending" or self._is_due(campaign, now):
                waiting = self._find_waiting(campaign)
                for record in waiting[:limit]:
                    campaign["processed"] = campaign.get("processed", 0) + 1
                    campaign["written_to"].add(record["subscriber_uid"])
                    yield record
                campaign["status"] = "sending" if len(waiting) > limit else "sent"
                limit -= min(limit, len(waiting))

    def _is_due(self, campaign, now):
        return campaign["status"] == "pending-sending" and campaign["campaign[send_at]"] <= now

    def _find_waiting(self, campaign):
        written = campaign.setdefault("written_to", set())
        members = self.members[campaign["campaign[list_uid]"]].items()
        return [one for uid, one in members if uid not in written and one["status"] == "confirmed"]

    def post_lists(self, form):
        if not form.get("general[name]") or not form.get("company[name]"):
            return 422, {"status": "error", "error": {"general": "Name and company are required"}}
        uid = self._new(self.lists, form)
        return 201, {"status": "success", "list_uid": uid}

    def post_lists_subscribers(self, form, list_uid):
        email = form.get("EMAIL", "")
        if list_uid not in self.lists or "@" not in email:
            return 422, {"status": "error", "error": "Please provide a valid email address."}
        if email.startswith("blocked-"):  # on the customer's blacklist: known, but in no list
            return 409, {"status": "error", "error": "This email address is blacklisted."}
        if (list_uid, email) in self.subscribers:
            return 409, {"status": "error", "error": "The subscriber already exists in this list."}
        record = {**form, "subscriber_uid": uuid.uuid4().hex[:13], "status": "confirmed"}
        self.subscribers[list_uid, email] = self.members[list_uid][record["subscriber_uid"]] = record
        return 201, {"status": "success", "data": {"record": record}}

    def get_lists_subscribers_search(self, form, list_uid):
        record = self.subscribers.get((list_uid, form.get("EMAIL")))
        if not record:
            return 404, {"status": "error", "error": "The subscriber does not exist in this list."}
        return 200, {"status": "success", "data": record}

    def put_subscriber(self, form, list_uid, uid):
        record = self.members[list_uid].get(uid)
        if not record:
            return 404, {"status": "error", "error": "The subscriber does not exist in this list."}
        record.update(form)
        return 200, {"status": "success", "data": {"record": record}}

    def get_lists_subscribers(self, form, list_uid):
        """A page of one subscriber, so that callers have to turn pages."""
        members = self.members[list_uid].values()
        found = [record for record in members if record["status"] == form.get("status", record["status"])]
        page = int(form["page"])
        following = page + 1 if page < len(found) else None
        return 200, {"status": "success", "data": {"records": found[page - 1 : page], "next_page": following}}

    def post_campaigns(self, form):
        missing = [
            name
            for name in ("name", "from_name", "from_email", "subject", "reply_to", "send_at", "list_uid")
            if not form.get(f"campaign[{name}]")
        ]
        if missing:
            return 422, {"status": "error", "error": dict.fromkeys(missing, "is required")}
        template = self.templates.get(form.get("campaign[template][template_uid]"))
        if not template:
            return 422, {"status": "error", "error": "Archive, template_uid or content: one of them is required"}
        for tag in ("[UNSUBSCRIBE_URL]", "[COMPANY_FULL_ADDRESS]"):
            if tag not in template["html"]:
                return 422, {"status": "error", "error": {"content": f"The tag {tag} is required"}}
        values = {**form, "name": form["campaign[name]"], "html": template["html"], "status": "pending-sending"}
        return 201, {"status": "success", "campaign_uid": self._new(self.campaigns, values)}

    def post_templates(self, form):
        if not form.get("template[name]"):
            return 422, {"status": "error", "error": {"name": "Name is required"}}
        values = {"name": form["template[name]"], "html": _decoded(form["template[content]"])}
        return 201, {"status": "success", "template_uid": self._new(self.templates, values)}

    def get_templates(self, _form):
        records = [{"template_uid": uid, "name": one["name"]} for uid, one in self.templates.items()]
        return 200, {"status": "success", "data": {"records": records, "next_page": None}}

    def get_campaigns(self, _form):
        records = [{"campaign_uid": uid, "name": one["name"]} for uid, one in self.campaigns.items()]
        return 200, {"status": "success", "data": {"records": records, "next_page": None}}

    def put_pause(self, _form, uid):
        campaign = self.campaigns[uid]
        campaign["status"] = "paused" if campaign["status"] != "paused" else "sending"
        return 200, {"status": "success", "campaign": {"status": campaign["status"]}}

    def get_campaign(self, _form, uid):
        record = {"campaign_uid": uid, "name": self.campaigns[uid]["name"], "status": self.campaigns[uid]["status"]}
        return 200, {"status": "success", "data": {"record": record}}

    def get_stats(self, _form, uid):
        """`processed` is what a test says MailWizz has sent of it."""
        campaign = self.campaigns[uid]
        people = len(self.members[campaign["campaign[list_uid]"]])
        counts = {"subscribers_count": people, "processed_count": campaign.get("processed", 0)}
        return 200, {"status": "success", "data": {"campaign_status": campaign["status"], **counts}}

    def post_emails(self, form):
        wanted = ("to_name", "to_email", "from_name", "subject", "body", "send_at")
        missing = [name for name in wanted if not form.get(f"email[{name}]")]
        if missing or form["email[to_email]"].startswith("blocked-"):
            return 422, {"status": "error", "error": dict.fromkeys(missing or ["to_email"], "is not accepted")}
        values = {name[6:-1]: value for name, value in form.items()}
        values |= {"body": _decoded(values["body"]), "plain_text": _decoded(values["plain_text"]), "status": "unsent"}
        return 201, {"status": "success", "email_uid": self._new(self.emails, values)}

    def get_emails(self, _form):
        records = [{"email_uid": uid, **one} for uid, one in reversed(self.emails.items())]
        return 200, {"status": "success", "data": {"records": records, "next_page": None}}

    def get_email(self, _form, uid):
        return 200, {"status": "success", "data": {"record": {"email_uid": uid, **self.emails[uid]}}}

    def get_delivery_servers(self, _form):
        return 200, {"status": "success", "data": {"records": []}}

    def _new(self, table, values):
        uid = uuid.uuid4().hex[:13]
        table[uid] = values
        return uid


ROUTES = [
    ("POST", r"/lists", FakeMailWizz.post_lists),
    ("POST", r"/lists/(\w+)/subscribers", FakeMailWizz.post_lists_subscribers),
    ("GET", r"/lists/(\w+)/subscribers/search-by-email", FakeMailWizz.get_lists_subscribers_search),
    ("GET", r"/lists/(\w+)/subscribers", FakeMailWizz.get_lists_subscribers),
    ("PUT", r"/lists/(\w+)/subscribers/(\w+)", FakeMailWizz.put_subscriber),
    ("POST", r"/templates", FakeMailWizz.post_templates),
    ("GET", r"/templates", FakeMailWizz.get_templates),
    ("POST", r"/campaigns", FakeMailWizz.post_campaigns),
    ("GET", r"/campaigns", FakeMailWizz.get_campaigns),
    ("PUT", r"/campaigns/(\w+)/pause-unpause", FakeMailWizz.put_pause),
    ("GET", r"/campaigns/(\w+)/stats", FakeMailWizz.get_stats),
    ("GET", r"/campaigns/(\w+)", FakeMailWizz.get_campaign),
    ("POST", r"/transactional-emails", FakeMailWizz.post_emails),
    ("GET", r"/transactional-emails", FakeMailWizz.get_emails),
    ("GET", r"/transactional-emails/(\w+)", FakeMailWizz.get_email),
    ("GET", r"/delivery-servers", FakeMailWizz.get_delivery_servers),
]


def _decoded(text):
    return base64.b64decode(text, validate=True).decode()


class _Handler(BaseHTTPRequestHandler):
    mailwizz: FakeMailWizz
    protocol_version = "HTTP/1.1"  # a connection is kept for the next call
    wbufsize = -1  # head and body leave together, else the kernel waits for an acknowledgement between them

    def _handle(self):
        split = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        form = dict(parse_qsl(body or split.query, keep_blank_values=True))
        status, answer = self._route(split.path.removeprefix("/api"), form)
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _route(self, path, form):
        if self.mailwizz.fail_next:
            return self.mailwizz.fail_next.pop(0), {"status": "error", "error": "as asked"}
        if self.headers.get("X-Api-Key") != self.mailwizz.api_key:
            return 401, {"status": "error", "error": "Invalid API key."}
        for method, pattern, function in ROUTES:
            found = re.fullmatch(pattern, path)
            if method == self.command and found:
                return function(self.mailwizz, form, *found.groups())
        return 404, {"status": "error", "error": "Not found."}

    do_GET = do_POST = do_PUT = _handle

    def log_message(self, *_args):
        """Stay silent; the tests read the state instead."""


@contextmanager
def serving(mailwizz: FakeMailWizz):
    """Serve on a free loopback port; yields the base URL of the API."""
    handler = type("Handler", (_Handler,), {"mailwizz": mailwizz})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
