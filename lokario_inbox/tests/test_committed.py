"""Synchronisation and outbox as they run in production: several connections, real commits, a real Dovecot."""

import tempfile
from pathlib import Path
from unittest.mock import patch

from odoo import SUPERUSER_ID, Command, api
from psycopg2.errors import SerializationFailure

from lokario_testing.environments.mail import MailEnvironment
from odoo.addons.lokario_base.tests.committed import CommittedCase
from odoo.addons.lokario_mailbox.models import mailbox_dispatcher
from odoo.addons.lokario_mailbox.tests.mailbox_common import PASSWORD, Postman, make_mail
from odoo.addons.lokario_mailbox.tools import worker_locks
from odoo.addons.lokario_mailbox.tools.smtp_client import Accepted

AGENT = "lokario_inbox.group_lokario_inbox_user"


class InboxCommittedCase(Postman, CommittedCase):
    """Two companies and a branch; three people with ordinary rights; two mailboxes each."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = Path(tempfile.mkdtemp(prefix="lokario-mail-"))
        cls.environment = cls.enterClassContext(MailEnvironment(folder, driver="sdbox", everybody=PASSWORD))
        with cls.registry.cursor() as cr:
            cls._make_people(api.Environment(cr, SUPERUSER_ID, {}))

    @classmethod
    def _make_people(cls, env):
        env["ir.config_parameter"].set_param("lokario_mailbox.allowed_hosts", f"127.0.0.1:{cls.environment.imap_port}")
        env["res.lang"]._activate_lang("fr_FR")
        euro, franc = env.ref("base.EUR"), env.ref("base.CHF")
        (euro | franc).active = True
        french = env["res.company"].create({"name": "Atelier", "currency_id": euro.id})
        swiss = env["res.company"].create({"name": "Werkstatt", "currency_id": franc.id})
        branch = env["res.company"].create({"name": "Atelier Ouest", "parent_id": french.id})
        cls.people, cls.mailboxes = {}, {}
        for company, name, lang in ((french, "anna", "fr_FR"), (branch, "bruno", "fr_FR"), (swiss, "carla", "en_US")):
            user = env["res.users"].create(
                {
                    "name": name.title(),
                    "login": name,
                    "email": f"{name}@mail.test",
                    "lang": lang,
                    "company_id": company.id,
                    "company_ids": [Command.set(company.ids)],
                    "group_ids": [Command.set(env.ref("base.group_user").ids + env.ref(AGENT).ids)],
                }
            )
            cls.people[name] = user.id
            for number in (1, 2):
                address = f"{name}{number}@mail.test"
                mailbox = env["inbox.integration"].create(
                    {
                        "name": address,
                        "email_address": address,
                        "email_password": PASSWORD,
                        "user_id": user.id,
                        "company_id": company.id,
                        "visibility": "shared",
                        "imap_host": "127.0.0.1",
                        "imap_port": cls.environment.imap_port,
                        "imap_security": "none",
                    }
                )
                cls.mailboxes[address] = mailbox.id

    def setUp(self):
        super().setUp()
        self.all = self.env["inbox.integration"].browse(self.mailboxes.values())
        self.first = self.all[0]
        self.all.write({"next_sync_at": False, "email_password": PASSWORD, "active": True, "state": "draft"})
        self.all.write({"failure_count": 0, "lease_token": False})
        self.all.activity_ids.unlink()
        self.cr.commit()

    def subjects(self, mailbox):
        self.cr.commit()
        return sorted(self.env["inbox.message"].search([("integration_id", "=", mailbox.id)]).mapped("subject"))

    def run_all(self):
        self.connect()["inbox.integration"]._cron_sync_all()
        self.cr.commit()
        self.env.invalidate_all()


class TestRaces(InboxCommittedCase):
    def test_health_is_written_although_it_loses_races(self):
        """Somebody writes to the mailboxes while a run ends: nobody's health waits for a time-out."""
        store = type(self.all)._store_outcomes
        lost = []

        def losing(integrations, outcomes, started_at, token):
            if len(lost) < 2:
                lost.append(1)
                raise SerializationFailure("as if somebody else had written")
            return store(integrations, outcomes, started_at, token)

        with patch.object(type(self.all), "_store_outcomes", losing):
            self.run_all()
        self.assertEqual(len(lost), 2)
        self.assertEqual(set(self.all.mapped("state")), {"connected"})
        self.assertFalse(any(self.all.mapped("lease_token")))

    def test_a_real_race_with_a_user_loses_nothing(self):
        """A user writes to every mailbox between the batches and the health of a run."""
        self.fill(self.first.email_address, [make_mail(11)])
        store = type(self.all)._store_outcomes
        case = self

        def raced(integrations, outcomes, started_at, token):
            integrations.env.cr.execute("SELECT count(*) FROM inbox_integrations")  # the snapshot
            other = case.connect()
            other["inbox.integration"].browse(case.all.ids).write({"retention_days": 30})
            other.cr.commit()
            return store(integrations, outcomes, started_at, token)

        with patch.object(type(self.all), "_store_outcomes", raced):
            self.run_all()
        self.assertEqual(set(self.all.mapped("state")), {"connected"})
        self.assertIn("Question 11", self.subjects(self.first))

    def test_mailboxes_of_a_dead_worker_are_free_at_once(self):
        """The worker's session ends in the middle of its run; nobody waits for anything."""
        self.fill(self.first.email_address, [make_mail(12)])
        dead = self.connect()
        locks = self.enterContext(worker_locks.WorkerLocks(dead, worker_locks.SYNC))
        claimed = dead["inbox.integration"]._claim(locks, "sync", 100, "dead")
        dead.cr.commit()
        self.assertGreaterEqual(set(claimed.ids), set(self.all.ids))
        self.run_all()
        self.assertNotIn("Question 12", self.subjects(self.first), "a living worker has them")
        pid = locks._cursor.connection.info.backend_pid
        self.cr.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        self.run_all()
        self.assertIn("Question 12", self.subjects(self.first))
        self.assertFalse(claimed[0]._holds_lease("dead"), "who awakes afterwards stores nothing")
        dead.cr.rollback()

    def test_a_deactivated_owner_stops_nobody(self):
        self.all.write({"email_password": "wrong"})
        self.env["res.users"].browse(self.people["anna"]).active = False
        self.addCleanup(self._revive)
        self.all.write({"active": True, "state": "draft", "next_sync_at": False})
        self.cr.commit()
        self.run_all()
        self.assertEqual(set(self.all.mapped("state")), {"error"})

    def _revive(self):
        self.env["res.users"].browse(self.people["anna"]).active = True
        self.cr.commit()


class TestOutboxRaces(InboxCommittedCase):
    def setUp(self):
        super().setUp()
        self.mails = self.env["inbox.outgoing"]
        for address, name in (("anna1@mail.test", "anna"), ("carla1@mail.test", "carla")):
            self.mails |= self.env["inbox.outgoing"].create(
                {
                    "integration_id": self.mailboxes[address],
                    "author_id": self.people[name],
                    "email_to": "client@example.org",
                    "subject": f"Devis {self._testMethodName} {name}",
                    "body_html": "<p>Bonjour</p>",
                }
            )
        for mail in self.mails:
            mail.action_send()
        self.mails.mail_id.write({"send_at": "2020-01-01 00:00:00"})
        self.cr.commit()

    def run_of(self, env):
        """A run of the dispatcher on a connection of its own, with both mails ready to leave."""
        run = mailbox_dispatcher._Run(env, self.mails.mail_id)
        run._step(self.mails.mail_id.ids, run._claim)
        return run

    def test_an_awakened_worker_hands_nothing_over(self):
        """Its sessions ended while it was paused; the successor has taken the mail up again."""
        mail = self.mails[0].mail_id
        old, successor = self.run_of(self.connect()), self.run_of(self.connect())
        self.assertTrue(old.ready[mail.id] and successor.ready[mail.id])
        refused = old.permit([mail.id])
        self.assertEqual(refused[mail.id].cause, mailbox_dispatcher.TAKEN_OVER)
        old.record(refused)
        old.record({mail.id: Accepted("250 of long ago")})
        self.assertFalse(successor.permit([mail.id]))
        self.cr.commit()
        self.env.invalidate_all()
        self.assertEqual((mail.state, self.mails[0].state), ("sending", "sending"))
        self.assertTrue(mail.handed_over_at)

    def test_two_hosts_send_for_different_mailboxes_at_the_same_time(self):
        """No lock but that of each mailbox: while one host has the first, another one takes the second."""
        first, second = (mailbox_dispatcher._Run(self.connect(), self.mails.mail_id) for _host in range(2))
        box = self.mails[0].integration_id
        self.assertTrue(first._lock(box.with_env(first.env)))
        begun = {worker.keys[0] for worker in second.further(0)}
        self.assertEqual(begun, {self.mails[1].mail_id.id})
        first.end()
        self.assertEqual({worker.keys[0] for worker in second.further(1)}, {self.mails[0].mail_id.id})
        second.end()

    def test_a_lost_race_before_sending_delays_nothing(self):
        claim = mailbox_dispatcher._Run._claim
        lost = []

        def losing(run, ids):
            if not lost:
                lost.append(ids)
                raise SerializationFailure("as if somebody else had written")
            return claim(run, ids)

        with patch.object(mailbox_dispatcher._Run, "_claim", losing), self.assertNoLogs("odoo.addons", "ERROR"):
            run = self.run_of(self.connect())
        self.assertEqual(set(run.ready), set(self.mails.mail_id.ids))
        self.assertTrue(all(run.ready.values()))
