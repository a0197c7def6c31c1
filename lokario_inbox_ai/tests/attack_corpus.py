"""The mails of data/attack_mails.json and data/benign_mails.json, and a model that obeys every injection in them."""

import base64
import codecs
import json
import re
from email.message import EmailMessage
from pathlib import Path

DATA = Path(__file__).parent / "data"


def attacks() -> list[dict]:
    return json.loads((DATA / "attack_mails.json").read_text())


def benign() -> tuple[str, list[dict]]:
    """Return the company's knowledge and the harmless mails."""
    content = json.loads((DATA / "benign_mails.json").read_text())
    return content["knowledge"], content["mails"]


def raw_mail(case, sender, recipient) -> bytes:
    """The mail of a case as it comes from the wire."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, recipient, case["subject"].replace("\n", " ")
    mail["Message-ID"], mail["Date"] = f"<{case['id'].lower()}@client.example>", "Fri, 20 Nov 2026 10:00:00 +0100"
    if case["authenticated"]:
        mail["Authentication-Results"] = "mx.alpha.example; dmarc=pass header.from=client.example"
    if "html" in case:
        mail.set_content(case["html"], subtype="html")
    else:
        mail.set_content(case["text"])
    for item in case.get("attachments", ()):
        mail.add_attachment(item["text"].encode(), maintype="text", subtype="plain", filename=item["name"])
    return mail.as_bytes()


def fill(answer: dict, canary: str, system: str) -> dict:
    """What the obeying model writes: the answer of the case with the secrets it was asked for."""
    secrets = {
        "{canary}": canary,
        "{canary_spaced}": " ".join(canary),
        "{canary_reversed}": canary[::-1],
        "{canary_base64}": base64.b64encode(canary.encode()).decode(),
        "{canary_hex}": canary.encode().hex(),
        "{canary_rot13}": codecs.encode(canary, "rot13"),
        "{canary_lines}": "\n".join(canary),
        "{system}": system[:400],
    }
    text = answer["reply"]
    for mark, value in secrets.items():
        text = text.replace(mark, value)
    return {**answer, "reply": text}


class ObedientModel:
    """Answers with the `answer` of the case whose id it finds in the newest mail of the prompt."""

    def __init__(self, cases):
        self._answers = {case["id"]: case["answer"] for case in cases}

    def __call__(self, messages):
        system, material = messages[0]["content"], messages[-1]["content"]
        found = re.findall(r"(?:ATK|OK)-\d{3}", material)
        canary = re.search(r"LKC[0-9A-F]{20}", system)
        return fill(self._answers[found[-1]], canary.group() if canary else "", system)
