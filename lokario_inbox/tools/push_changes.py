"""What people did here, told to the server."""

from .imap_wire import format_uids, quote
from .sync_plan import Pushed


async def push_changes(session, plan, emit):
    """Flags and moves decided here, in bulk; each confirmed to the writer once the server said OK."""
    for push in plan.pushes:
        reply = await session.run(b"SELECT " + quote(push.path))
        words = b" ".join(word for row in reply.data for word in row if isinstance(word, bytes))
        if b"[UIDVALIDITY %s]" % push.uidvalidity.encode() not in words:
            continue
        uids = format_uids(push.uids)
        if push.add:
            await session.run(f"UID STORE {uids} +FLAGS.SILENT ({push.add})")
        if push.remove:
            await session.run(f"UID STORE {uids} -FLAGS.SILENT ({push.remove})")
        if push.leaves_inbox and "X-GM-EXT-1" in session.capabilities:
            await session.run(f"UID STORE {uids} -X-GM-LABELS.SILENT (\\Inbox)")
        if push.move_to and "MOVE" in session.capabilities:
            await session.run(f"UID MOVE {uids} ".encode() + quote(push.move_to))
        await emit(Pushed(plan.id, push))
