"""How much a stranger's body may hold, asked before it is read: one request must not fill a worker's memory.

Odoo reads 128 MiB from anybody, and objects take thirty times what they take as JSON. Here strangers and customers of
the portal have little; an employee has what Odoo gives him. RPC names its caller in the body and may carry files.
"""

import odoo.http
from werkzeug.exceptions import RequestEntityTooLarge, abort
from werkzeug.wrappers import Response

MEBI = 1024 * 1024
MAX_BODY = MEBI  # bytes of a stranger's form
MAX_OF = {"application/json": 4 * MEBI, "multipart/form-data": 32 * MEBI}  # a drawn signature; files go to the disk
MAX_RPC = 32 * MEBI
RPC = ("/jsonrpc", "/xmlrpc/")
MAX_VALUES = 1_000_000  # lists, objects and their members in one body of JSON, whoever sends it
ODOO_LIMIT = odoo.http.DEFAULT_MAX_CONTENT_LENGTH


def limited_from_the_start(post_init):
    """Stands around Odoo's `Request._post_init`, after which the session is known: some routes are read early."""

    def post_init_with_limit(request):
        post_init(request)
        request.httprequest.max_content_length = _limit(request)

    return post_init_with_limit


def limited(pre_dispatch):
    """Stands around Odoo's `Dispatcher.pre_dispatch`, which runs when the holder of a key is known, too.

    What a route says itself holds for everybody.
    """

    def pre_dispatch_within_limits(dispatcher, rule, args):
        request = dispatcher.request
        request.httprequest.max_content_length = _limit(request)
        return pre_dispatch(dispatcher, rule, args)

    return pre_dispatch_within_limits


def _limit(request) -> int:
    if is_known(request):
        return ODOO_LIMIT
    if request.httprequest.path.startswith(RPC):
        return MAX_RPC
    return MAX_OF.get(request.httprequest.mimetype, MAX_BODY)


def is_known(request) -> bool:
    """Whether an employee or a program has logged in: by a session, or by a key.

    A customer of the portal may have let himself in by signing up: he may send what a stranger may.
    """
    if not request.env:
        return bool(request.session.uid)
    env_sudo, uid = request.env(su=True), request.env.uid or request.session.uid
    if uid == env_sudo["ir.model.data"]._xmlid_to_res_id("base.public_user"):
        return False  # nearly all strangers: nothing is read for them
    user_sudo = env_sudo["res.users"].browse(uid or ()).exists()
    return bool(user_sudo) and not user_sudo._is_public() and not user_sudo._is_portal()


def within_values(get_json_data):
    """Stands around Odoo's `Request.get_json_data`: too many values, or too deep, is no JSON that we read.

    Odoo also asks for it before its error handling begins (`web/controllers/dataset.py`): so it is an answer at once.
    """

    def get_small_json_data(request):
        allowed = request.httprequest.max_content_length
        request.httprequest.max_content_length = min(allowed, _limit(request))  # who calls was not known before
        try:
            body = request.httprequest.get_data()
        except RequestEntityTooLarge:
            abort(Response("The body is too large", 413))
        if sum(map(body.count, (b",", b"[", b"{"))) > MAX_VALUES:
            abort(Response("The JSON holds too many values", 413))
        try:
            return get_json_data(request)
        except (ValueError, RecursionError):
            abort(Response("Invalid JSON data", 400))

    return get_small_json_data
