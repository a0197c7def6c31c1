import socket
import time
from types import SimpleNamespace

from odoo.tests import BaseCase, tagged

from ..tools.instance_process import PATIENCE, InstanceProcess


@tagged("-at_install", "post_install")
class TestInstanceProcess(BaseCase):
    def test_an_answer_that_came_while_the_question_was_sent_is_heard(self):
        """PostgreSQL's notices come along with answers, too: then nothing more arrives that could wake who waits."""
        ours, its = socket.socketpair()
        with ours, its:
            heard = [SimpleNamespace(payload=payload) for payload in ("stopped other", "listening acme")]
            connection = SimpleNamespace(fileno=ours.fileno, poll=lambda: None, notifies=heard)
            start = time.monotonic()
            self.assertTrue(InstanceProcess(None, "manager", "", "acme")._hear(connection, "listening acme"))
        self.assertLess(time.monotonic() - start, PATIENCE / 2)
