from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

from odoo import fields
from odoo.exceptions import UserError
from psycopg2 import OperationalError

from odoo.addons.lokario_mailbox.tools import worker_locks
from odoo.addons.lokario_mailbox.tools.lanes import Desk, Lane, Letter, Withheld, once
from odoo.addons.lokario_mailbox.tools.smtp_client import SubmissionFailed

from .delivery import commit

QUOTA_PAUSE = timedelta(hours=1)  # before mails beyond a provider's limit are looked at again
BATCH = 20  # mails of one mailbox that are made ready, and recorded, together


@dataclass(frozen=True)
class Parcel:
    """A mail made ready: `is_due()` is the last look, one query, right before the final dot."""

    letter: Letter
    delivery_id: int
    is_due: object


class Dispatch:
    """One run over business mails: one lane per mailbox, all at the same time.

    The database is touched by the calling thread alone. Mails are made ready in batches; the last look and the 250 of
    each are its own transactions; the paperwork of what was accepted follows in batches, and a crash before it is
    made up for from the delivery, which says "sent" already.
    """

    def __init__(self, env):
        self._env = env
        self._parcels: dict[int, Parcel | None] = {}
        self._accepted: dict[int, tuple[str, ...]] = {}  # mail id -> optional recipients the server did not want

    def send(self, routed):
        """Send mails: pairs of (Route, mails)."""
        with worker_locks.WorkerLocks(self._env, worker_locks.MAIL) as self._locks:
            lanes = [lane for route, mails in routed if (lane := self._lane(route, mails))]
            commit(self._env)
            Desk(self._hand_over, self._record).serve(once(lanes))
            self._finish()
            for lane in lanes:
                self._put_back(list(lane.waiting))

    def _lane(self, route, mails):
        """Return the Lane of these mails, or nothing while their mailbox is held or cannot be tried."""
        if route.kind == "mailbox" and route.carrier._is_sending_held():
            mails._hold_behind()
            return None
        mails = self._within_quota(route, mails)
        opener = route.carrier._session_opener__() if route.kind == "mailbox" else _core_opener(route)
        lane = Lane(opener, mails.ids, lambda mail_id: self._letter(route, [mail_id, *islice(lane.waiting, BATCH - 1)]))
        return lane

    def _within_quota(self, route, mails):
        """Return the mails that the provider will take today, as far as its limit is known; the others wait."""
        free, next_at = route.carrier._allowance() if route.kind == "mailbox" else (None, None)
        if free is None or free >= len(mails):
            return mails
        mails[free:]._hold_for_quota(next_at or fields.Datetime.now() + QUOTA_PAUSE)
        return mails[:free]

    def _letter(self, route, mail_ids):
        """Return the Letter of the first of these mails, made ready together with the others."""
        if mail_ids[0] not in self._parcels:
            self._finish()
            self._make_ready(route, mail_ids)
        parcel = self._parcels[mail_ids[0]]
        return parcel and parcel.letter

    def _make_ready(self, route, mail_ids):
        """Lock, look and write down the intent, in a transaction of its own; what must not leave has no Parcel."""
        commit(self._env)
        mails = self._env["mail.mail"].browse(self._locks.take(mail_ids))
        parcels = mails._may_leave()._parcels(route) if mails else {}
        commit(self._env)
        self._parcels |= dict.fromkeys(mail_ids) | parcels
        self._locks.release([mail_id for mail_id in mails.ids if mail_id not in parcels])

    def _put_back(self, mail_ids):
        """What was made ready behind a mailbox that broke down was never handed over."""
        parcels = [parcel for mail_id in mail_ids if (parcel := self._parcels.get(mail_id))]
        self._delivery(*parcels)._set_queued()
        self._env["mail.mail"].browse(mail_ids)._hold_behind()
        self._locks.release([parcel.letter.key for parcel in parcels])

    def _delivery(self, *parcels):
        return self._env["lokario.delivery"].sudo().browse([parcel.delivery_id for parcel in parcels])

    # === ONE MAIL === #

    def _hand_over(self, mail_id):
        """From here on the mail may be delivered, whatever happens to us."""
        commit(self._env)
        parcel = self._parcels[mail_id]
        try:
            leaves = parcel.is_due() and self._delivery(parcel)._hand_over()
        except OperationalError as busy:  # somebody is changing the document at this very moment
            self._env.cr.rollback()
            raise Withheld("changing") from busy
        if not leaves:
            raise Withheld("not due")
        commit(self._env)

    def _record(self, mail_id, outcome):
        """Store what the server said: 250, or what is done about its refusal."""
        mail = self._env["mail.mail"].browse(mail_id)
        delivery = self._delivery(self._parcels[mail_id])
        if isinstance(outcome, SubmissionFailed):
            mail._record_failure(delivery, outcome)
        elif isinstance(outcome, Withheld):
            mail._cancel_business(delivery)
        else:
            delivery._set_accepted(outcome.text, outcome.refused)
            self._accepted[mail_id] = outcome.skipped
        commit(self._env)
        if mail_id not in self._accepted:
            self._locks.release([mail_id])

    def _finish(self):
        """The paperwork of what was accepted."""
        if self._accepted:
            self._env["mail.mail"].browse(self._accepted)._finish_accepted(self._accepted)
            commit(self._env)
            self._locks.release(list(self._accepted))
            self._accepted.clear()


def _core_opener(route):
    """Sessions on ordinary outgoing servers are opened by Odoo itself, which knows all their kinds of login."""
    servers = route.company.env["ir.mail_server"].sudo()

    def connect():
        try:
            return servers._connect__(mail_server_id=route.carrier.id or None, smtp_from=route.address)
        except (OSError, UserError) as error:  # SMTPException is an OSError
            code = getattr(error, "smtp_code", None)
            raise SubmissionFailed("connect", code if isinstance(code, int) else None, str(error)) from error

    return lambda ask: ask(connect)
