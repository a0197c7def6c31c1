"""What people did here, sent to the server."""

import logging

from odoo.addons.lokario_mailbox.exceptions import ServerFault
from odoo.addons.lokario_mailbox.tools.imap_wire import format_uids, quote

from .sync_plan import Pushed

_logger = logging.getLogger(__name__)


async def push_changes(session, plan, emit):
    """Flags and moves decided here, in bulk; each confirmed to the writer once the server said OK."""
    for push in plan.pushes:
        try:
            is_done = await _push(session, push)
        except ServerFault as err:  # a folder that takes no changes keeps no mail from coming in
            if err.ends_connection:
                raise
            _logger.warning("Mailbox %s: a change could not be made at the server: %s", plan.id, err)
            continue
        if is_done:
            await emit(Pushed(plan.id, push))


async def _push(session, push):
    reply = await session.run(b"SELECT " + quote(push.path))
    if str(reply.code(b"UIDVALIDITY")) != push.uidvalidity:
        return False
    uids = format_uids(push.uids)
    if push.add:
        await session.run(f"UID STORE {uids} +FLAGS.SILENT ({push.add})")
    if push.remove:
        await session.run(f"UID STORE {uids} -FLAGS.SILENT ({push.remove})")
    if push.leaves_inbox and "X-GM-EXT-1" in session.capabilities:
        await session.run(f"UID STORE {uids} -X-GM-LABELS.SILENT (\\Inbox)")
    if push.move_to and "MOVE" in session.capabilities:
        await session.run(f"UID MOVE {uids} ".encode() + quote(push.move_to))
    return bool(push.move_to) or push.move != "inbox" or await _is_there(session, push)


async def _is_there(session, push):
    """Whether what was taken back lies in the inbox: it may have been moved a moment ago."""
    reply = await session.run(f"UID FETCH {format_uids(push.uids)} (UID)")
    return len(reply.fetches()) >= len(push.uids)
