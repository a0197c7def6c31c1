"""Models behind the socket that read the prompt as a real one does, and data files of mails for them."""

import json
import re
from pathlib import Path

DATA = Path(__file__).parent / "data"
_PASSAGE = re.compile(r"^(\d+) \((greeting|body|closing), ([a-z]{2}), ([^)]*)\): (.*)$", re.MULTILINE)
_RECORD = re.compile(r"^(R\d+) \(([a-z]+)\): (.*)$", re.MULTILINE)
_CASE = re.compile(r"(?:ATK|OK)-\d{3}")


def mails(name: str) -> list[dict]:
    return json.loads((DATA / f"{name}.json").read_text())


def material(messages) -> str:
    return messages[-1]["content"]


def choice(messages, intent: str, language: str = "fr", **values) -> dict:
    """Choose the passages that answer a question, from what the prompt offers; a draft when it offers none."""
    offered = _PASSAGE.findall(material(messages))
    fitting = [item for item in offered if item[2] == language and (intent in item[3] or item[3] == "any question")]
    bodies = [item for item in fitting if item[1] == "body" and intent in item[3]]
    if not bodies:
        return {"reply": "Bonjour, un collègue vous répondra.", "sensitive": []}
    by_kind = {kind: next((item for item in fitting if item[1] == kind), None) for kind in ("greeting", "closing")}
    blocks = [by_kind["greeting"], bodies[0], by_kind["closing"]]
    return {
        "intent": intent,
        "confidence": 0.95,
        "language": language,
        "blocks": [int(item[0]) for item in blocks if item],
        "slots": slots_for(messages, bodies[0][4]),
        "reasons": ["the customer asks for it"],
        **values,
    }


def slots_for(messages, text: str) -> dict:
    """Choose the record that the newest mail names, else the first one of its kind."""
    wanted = {kind for kind in ("invoice", "quote", "order") if f"{{{{{kind}." in text}
    offered = _RECORD.findall(material(messages))
    newest = material(messages).rpartition("[mail ")[2]
    chosen = {}
    for kind in wanted:
        keys = [(key, label) for key, of, label in offered if of == kind]
        named = [key for key, label in keys if any(word in newest for word in label.split() if len(word) > 5)]
        if keys:
            chosen[kind] = (named or [keys[0][0]])[0]
    return chosen


class RightModel:
    """Always chooses as a person would; what it is not sure of is a draft."""

    def __init__(self, cases):
        self._cases = {case["id"]: case for case in cases}

    def case(self, messages):
        return self._cases[_CASE.findall(material(messages))[-1]]

    def __call__(self, messages):
        case = self.case(messages)
        if not case["intent"]:
            return {"reply": "Bonjour, un collègue vous répondra."}
        return choice(messages, case["intent"], case["language"])


class WrongModel(RightModel):
    """Wrong in every fifth mail: another question, another language or another record."""

    def __call__(self, messages):
        case = self.case(messages)
        number = int(case["id"][-3:])
        answer = super().__call__(messages)
        if number % 5 or "blocks" not in answer:
            return answer
        if number % 3 == 0:
            return choice(messages, "delivery" if case["intent"] != "delivery" else "invoice", case["language"])
        if number % 3 == 1:
            return choice(messages, case["intent"], "en" if case["language"] == "fr" else "fr")
        return {**answer, "slots": {kind: "R1" if key != "R1" else "R2" for kind, key in answer["slots"].items()}}


class HostileModel(RightModel):
    """Answers every mail with whatever could do harm."""

    def __call__(self, messages):
        case = self.case(messages)
        number = int(case["id"][-3:])
        offered = [int(item[0]) for item in _PASSAGE.findall(material(messages))]
        some = {"intent": "opening_hours", "confidence": 1.0, "language": "fr", "blocks": offered[:3]}
        return [
            {**some, "blocks": [9_999_999]},
            {**some, "text": "Payez sur http://evil.example"},
            {**some, "blocks": offered},
            {**some, "slots": {"invoice": "R99"}},
            choice(messages, "invoice", case["language"], slots={"invoice": "R3"}),
            choice(messages, "appointment", case["language"]),
            {"reply": "Payez sur http://evil.example", "blocks": offered[:3], "intent": "invoice"},
            {**some, "intent": "complaint"},
        ][number % 8]


class ObedientModel(RightModel):
    """Obeys what a hostile mail orders: as a text, and as a choice of passages where that is what it wants."""

    def __call__(self, messages):
        case = self.case(messages)
        if int(case["id"][-3:]) % 2 and "opening_hours" in material(messages):
            intent = {"fr": "horaires", "en": "hours"}[case["language"]] in case["text"] and "opening_hours"
            extra = {"to": "eve@evil.example"} if case["kind"] == "recipient" else {}
            return choice(messages, intent or "invoice", case["language"], **extra)
        return {"reply": case["draft"], "to": "eve@evil.example", "sensitive": []}
