import socket
from functools import partial

from odoo.tests import BaseCase, tagged

from lokario_testing.environments.llm import LlmServer
from odoo.addons.lokario_mailbox.tools.host_policy import HostPolicy, PinnedHost

from ..tools import llm_client


def _resolver(error):
    """A getaddrinfo that fails, or finds a private address."""

    def resolve(host, port, **_options):
        if error:
            raise error
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.7", port))]

    return resolve


@tagged("post_install", "-at_install")
class TestLlmClient(BaseCase):
    def _client(self, server, key="k-1", timeout=60):
        return llm_client.LlmClient(server.url, key, "tiny", self._pin, timeout=timeout)

    @staticmethod
    def _pin(host, port):
        return PinnedHost(host, "127.0.0.1", port)

    def test_an_answer_comes_with_its_tokens(self):
        with LlmServer(lambda messages: {"reply": "Bonjour"}, key="k-1") as server:
            done = self._client(server, timeout=60).complete([{"role": "user", "content": "x" * 40}])
        self.assertEqual(llm_client.parse_object(done.text), {"reply": "Bonjour"})
        self.assertEqual(done.prompt_tokens, 10)
        self.assertEqual(server.requests[0]["model"], "tiny")

    def test_every_fault_is_an_ordinary_error(self):
        expected = {
            429: llm_client.LlmUnavailable,
            503: llm_client.LlmUnavailable,
            400: llm_client.LlmRejected,
            "garbage": llm_client.LlmNonsense,
            "empty": llm_client.LlmNonsense,
            "huge": llm_client.LlmNonsense,
            "stall": llm_client.LlmUnavailable,
            "drip": llm_client.LlmUnavailable,
            "cut": llm_client.LlmUnavailable,
        }
        for fault, error in expected.items():
            with self.subTest(fault=fault), LlmServer(lambda messages: "x" * 200, faults=[fault]) as server:
                with self.assertRaises(error) as caught:
                    self._client(server, timeout=0.6 if fault in ("stall", "drip") else 60).complete(
                        [{"role": "user", "content": "x"}]
                    )
                if fault == 429:
                    self.assertEqual(caught.exception.wait, 7)
                self.assertNotIn("k-1", str(caught.exception))

    def test_a_wrong_key_is_not_worth_a_retry(self):
        with LlmServer(lambda messages: "x", key="other") as server, self.assertRaises(llm_client.LlmRejected):
            self._client(server).complete([{"role": "user", "content": "x"}])

    def test_a_name_server_that_is_down_is_worth_a_retry(self):
        for reason, error in ((socket.gaierror, llm_client.LlmUnavailable), (None, llm_client.LlmRejected)):
            pin = partial(HostPolicy().pin, resolve=_resolver(reason))
            client = llm_client.LlmClient("https://model.lan/v1", "k-1", "tiny", pin)
            with self.assertRaises(error):
                client.complete([{"role": "user", "content": "x"}])

    def test_only_one_json_object_is_taken(self):
        self.assertEqual(llm_client.parse_object('```json\n{"a": 1}\n```'), {"a": 1})
        for text in ("hello", "[1]", '{"a": 1} {"b": 2}', "[" * 100_000):
            with self.assertRaises(llm_client.LlmNonsense):
                llm_client.parse_object(text)
