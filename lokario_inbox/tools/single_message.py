"""One part of one message, on a connection of its own."""

from ..exceptions import ServerFault
from .body_structure import leaves
from .fetch_batches import download_part
from .folder_sync import examine
from .sync_account import connect, credentials_of
from .sync_plan import FolderState


async def download_attachment(plan, path, uidvalidity, uid, number):
    """(encoded bytes, transfer encoding) of part ``number``. Raises MailboxError."""
    session = await connect(plan)
    try:
        await session.login(await credentials_of(plan, _ignore))
        opened = await examine(session, FolderState(0, path))
        if opened.uidvalidity != uidvalidity:
            raise ServerFault("The folder was renumbered: synchronise first.")
        reply = await session.run(f"UID FETCH {uid} (UID BODYSTRUCTURE)")
        structure = next((row[b"BODYSTRUCTURE"] for row in reply.fetches() if b"BODYSTRUCTURE" in row), None)
        found = {leaf.number: leaf for leaf in leaves(structure or [])}
        if number not in found:
            raise ServerFault("The server no longer has this attachment.")
        data = bytearray()
        await download_part(session, uid, number, data.extend)
        return bytes(data), found[number].encoding
    except ValueError as err:
        raise ServerFault("The server describes this mail wrongly.") from err
    finally:
        session.abort()


async def _ignore(_event):
    """A renewed token is stored by the next synchronisation."""
