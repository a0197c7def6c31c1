"""One part of one message, on a connection of its own."""

from odoo.addons.lokario_mailbox.exceptions import ServerFault
from odoo.addons.lokario_mailbox.tools.imap_account import connect, credentials_of

from ..exceptions import UnreadableMail
from .body_structure import tree
from .fetch_batches import download_part
from .folder_sync import examine
from .mime_parts import leaves
from .mime_text import decode_bytes, decode_transfer
from .sync_plan import FolderState
from .tnef import read_tnef
from .uu_files import without_uu_files


async def download_attachment(plan, emit, path, uidvalidity, uid, number):
    """The decoded bytes of part ``number``, “2#1” being file 1 of the winmail.dat in part 2. Raises MailboxError."""
    number, _hash, inside = number.partition("#")
    session = await connect(plan)
    try:
        await session.login(await credentials_of(plan, emit))
        opened = await examine(session, FolderState(0, path))
        if opened.uidvalidity != uidvalidity:
            raise ServerFault("The folder was renumbered: synchronise first.")
        reply = await session.run(f"UID FETCH {uid} (UID BODYSTRUCTURE)")
        structure = next((row[b"BODYSTRUCTURE"] for row in reply.fetches() if b"BODYSTRUCTURE" in row), None)
        found = {place: part for part, place, _alternative in leaves(tree(structure or []))}
        if number not in found:
            raise ServerFault("The server no longer has this attachment.")
        data = bytearray()
        await download_part(session, uid, number, data.extend)
        content = decode_transfer(bytes(data), found[number].encoding)
        return _file_inside(found[number], content, inside) if inside else content
    except (ValueError, IndexError, UnreadableMail) as err:
        raise ServerFault("The server describes this mail wrongly.") from err
    finally:
        session.abort()


def _file_inside(part, content, inside):
    """Of a winmail.dat, or of a text: “u1”."""
    if not inside.startswith("u"):
        return read_tnef(content).files[int(inside)].content
    _text, files = without_uu_files(decode_bytes(content, part.parameter("charset")))
    return files[int(inside[1:])][1]
