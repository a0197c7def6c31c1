"""The mails of the golden files in data/mime: one conversation and its special cases."""

from datetime import datetime, timedelta

from ..tools.mime_builder import OutgoingMail, Part, chain, thread_index

START = datetime(2026, 3, 2, 9, 30)
SHOP = ("Société Générale d'Été", "contact@alpha.example")
CLIENT = ("Anne Côté", "anne@client.example")
PIXEL = bytes.fromhex("89504e470d0a1a0a0000000d4948445200000001000000010806000000")


def mail_id(name):
    return f"<{name}.golden@alpha.example>"


def cases() -> dict[str, OutgoingMail]:
    """Return the mails by name of their golden file, parents before answers."""
    first = OutgoingMail(
        mail_id("plain"),
        SHOP,
        (CLIENT,),
        "Devis n° 2026-031",
        "Bonjour,\n\nVoici le devis.\n.point\nFrom here on\n",
        "<p>Bonjour,</p><p>Voici le devis.</p>",
        START,
        thread_index=thread_index("", mail_id("plain"), START),
    )
    html = _answer(
        first,
        "html",
        text="Été à l'œuvre : 12 €\n" + "mot " * 60,
        html="<p>Été à l'œuvre&nbsp;: <b>12 €</b></p>" + "<i>mot</i> " * 60,
    )
    files = _answer(
        html,
        "attachments",
        cc=(("", "cc@client.example"), ("Équipe, Ventes", "ventes@client.example")),
        parts=(
            Part("Conditions générales d'été.pdf", "application/pdf", b"%PDF-1.4 \x00\xff" * 20),
            Part("plan.png", "image/png", PIXEL, "logo@alpha"),
            Part("mail.eml", "message/rfc822", b"Subject: x\n\nno line end rule\n"),
        ),
        html='<p><img src="cid:logo@alpha"> Ci-joint</p>',
    )
    bcc = _answer(files, "bcc", headers={"Auto-Submitted": "auto-replied", "X-Auto-Response-Suppress": "All"})
    unicode = _answer(
        bcc,
        "unicode",
        to=(('山田 "太郎"', "yamada@bücher.example"), ("Ζωή\r\nBcc: evil@x.example", "zoe@client.example")),
        subject="Re: 見積書 – " + "très longue ligne d'objet répétée " * 4 + "fin\r\nX-Evil: 1",
        text="日本語 العربية 😀\n",
        html="<p>日本語 العربية 😀</p>",
    )
    long_chain = tuple(f"<{index:03d}.{'x' * (index % 90)}@client.example>" for index in range(1, 60))
    references = _answer(unicode, "long_references", references=(*unicode.references, unicode.message_id, *long_chain))
    return {
        "plain": first,
        "html": html,
        "attachments": files,
        "bcc": bcc,
        "unicode": unicode,
        "long_references": references,
    }


def _answer(parent, name, **changes):
    moment = parent.date + timedelta(hours=3)
    values = {
        "message_id": mail_id(name),
        "sender": SHOP,
        "to": (CLIENT,),
        "subject": "Re: Devis n° 2026-031",
        "text": "Merci.\n",
        "html": "<p>Merci.</p>",
        "date": moment,
        "in_reply_to": parent.message_id,
        "references": chain(parent.references, parent.message_id),
        "thread_index": thread_index(parent.thread_index, "", moment),
    }
    return OutgoingMail(**{**values, **changes})
