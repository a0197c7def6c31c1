from odoo.tests import BaseCase, tagged

from ..tools.dispatcher import Dispatcher, OutgoingMessage, SendCancelled, Worker, once
from ..tools.smtp_client import SubmissionFailed


@tagged("post_install", "-at_install")
class TestDispatcher(BaseCase):
    """The threads alone, without a server."""

    def serve(self, opener, keys):
        outcomes, left = {}, []
        messages = {key: OutgoingMessage(key, "me@a.example", ("you@b.example",), b"x") for key in keys}
        worker = Worker(opener, keys, messages.get, left.append)
        Dispatcher(lambda keys: {}, outcomes.update).serve(once([worker]))
        [not_tried] = left
        return outcomes, not_tried

    def test_a_mailbox_that_cannot_be_opened_ends_its_worker(self):
        def opener(_ask):
            raise SubmissionFailed("connect", None, "down")

        outcomes, not_tried = self.serve(opener, [1, 2, 3])
        self.assertEqual((list(outcomes), not_tried), ([1], [2, 3]), "the others were not tried")

    def test_what_the_database_raises_reaches_the_thread(self):
        def opener(ask):
            return ask(self._raise, SendCancelled("stop"))

        outcomes, __ = self.serve(opener, [1])
        self.assertEqual(outcomes[1].cause, "stop")

    def test_an_unforeseen_error_is_an_outcome(self):
        outcomes, __ = self.serve(lambda ask: self._raise(ZeroDivisionError("oops")), [1])
        self.assertEqual((outcomes[1].stage, outcomes[1].code), ("data", None))

    def test_a_session_that_cannot_even_be_closed_ends_nothing(self):
        """An addon's session may be anything; the thread reports all the same, and the caller goes on."""

        class Session:
            def ehlo_or_helo_if_needed(self):
                raise ZeroDivisionError("oops")

            def __getattr__(self, name):
                raise AttributeError(name)

        for opener in (lambda ask: Session(), lambda ask: _Broken()):
            outcomes, _left = self.serve(opener, [1, 2])
            self.assertEqual(outcomes[1].stage, "data")

    @staticmethod
    def _raise(error):
        raise error


class _Broken:
    """Raises whatever is asked of it, also when it is closed."""

    def __getattr__(self, name):
        raise RuntimeError(name)
