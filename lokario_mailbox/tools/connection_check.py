"""The steps of "Test connection" on the IMAP side: where exactly it stops, and why."""

import asyncio
from dataclasses import dataclass

from ..exceptions import AddressRefused, CertificateRefused, MailboxError
from .imap_account import connect, credentials_of, list_folders
from .imap_session import ImapSession, verified_context
from .imap_wire import number, quote

STEP_TIMEOUT = 15  # seconds
POLL_SECONDS = 1


@dataclass(frozen=True)
class Step:
    """``key``: address, connect, tls, login, capabilities or folders; ``detail`` for people who know."""

    key: str
    ok: bool
    error_class: str = ""
    detail: str = ""


async def check_imap(plan, emit):
    """Steps in order up to the first that fails; nothing is changed at the server."""
    steps, session = [], None
    try:
        pinned = await asyncio.to_thread(plan.policy.pin, plan.host, plan.port)
        steps.append(Step("address", True, detail=pinned.host))
        session = await _connect(plan, pinned, steps)
        await session.login(await credentials_of(plan, emit))
        steps.append(Step("login", True, detail=plan.login))
        capabilities = await session.ask_capabilities()
        wanted = [name for name in ("CONDSTORE", "QRESYNC", "ESEARCH", "MOVE", "SPECIAL-USE") if name in capabilities]
        steps.append(Step("capabilities", True, detail=", ".join(wanted) or "IMAP4rev1"))
        folders = await list_folders(session)
        names = [name for _path, name, _use, selectable in folders if selectable]
        steps.append(Step("folders", True, detail=", ".join(names[:12])))
        await session.logout()
    except MailboxError as err:
        key = _failed_key(steps, err)
        steps.append(Step(key, False, err.error_class, str(err)))
    finally:
        if session:
            session.abort()
    return steps


async def _connect(plan, pinned, steps):
    context = verified_context(plan.ca_file)
    session = await ImapSession.connect(pinned, plan.security, timeout=STEP_TIMEOUT, context=context)
    steps.append(Step("connect", True, detail=f"port {pinned.port}"))
    steps.append(Step("tls", True, detail=session.cipher if plan.security != "none" else ""))
    return session


def _failed_key(steps, err):
    done = {step.key for step in steps}
    if isinstance(err, AddressRefused):
        return "address"
    if isinstance(err, CertificateRefused):
        return "tls"
    return next(key for key in ("connect", "login", "capabilities", "folders", "end") if key not in done)


async def find_test_mail(plan, emit, header, token, seconds):
    """Wait for the mail with ``header: token``; returns its folder's special use, "" when it never came.

    The mail is ours: it is deleted once it is found.
    """
    session = await connect(plan)
    try:
        await session.login(await credentials_of(plan, emit))
        await session.ask_capabilities()
        folders = await list_folders(session)
        places = [(use, path) for path, _name, use, selectable in folders if use in ("inbox", "junk") and selectable]
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            for use, path in places:
                if await _take(session, path, header, token):
                    await session.logout()
                    return use
            if asyncio.get_running_loop().time() >= deadline:
                return ""
            await asyncio.sleep(POLL_SECONDS)
    finally:
        session.abort()


async def _take(session, path, header, token):
    await session.run(b"SELECT " + quote(path))
    reply = await session.run(b"UID SEARCH HEADER %s %s" % (header.encode(), quote(token)))
    uids = [uid for row in reply.rows(b"SEARCH") for uid in map(number, row) if uid]
    for uid in uids:
        await session.run(f"UID STORE {uid} +FLAGS.SILENT (\\Deleted)")
        if "UIDPLUS" in session.capabilities:
            await session.run(f"UID EXPUNGE {uid}")
    return bool(uids)
