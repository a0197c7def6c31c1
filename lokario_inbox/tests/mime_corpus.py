"""Hostile mail, each case with what a reader must see: (name, raw bytes, expectation).

An expectation is a dict of checks: ``text`` (contained in the body's text), ``not_text``, ``subject``, ``html``,
``not_html``, ``files`` (names of all attachments), ``from_address``, or ``unreadable`` for what goes to quarantine.
"""

import base64
import binascii
import random
from email.message import EmailMessage
from functools import reduce

from lokario_testing.environments.winmail import attached_mail, counts_without_end, file, tnef

CASES = []
HEAD = b"From: Zo\xc3\xa9 <zoe@example.org>\r\nTo: a@b.test\r\nMessage-ID: <case@example.org>\r\n"


def case(name, raw, **expected):
    CASES.append((name, raw, expected))


def simple(name, body, content_type="text/plain; charset=utf-8", encoding="8bit", title=b"Bonjour", **expected):
    raw = (
        HEAD
        + b"Subject: "
        + title
        + b"\r\nMIME-Version: 1.0\r\nContent-Type: "
        + content_type.encode()
        + b"\r\nContent-Transfer-Encoding: "
        + encoding.encode()
        + b"\r\n\r\n"
        + body
    )
    case(name, raw, **expected)


def multipart(name, parts, kind="mixed", end=True, boundary=b"BB", declared=None, **expected):
    declared = boundary if declared is None else declared
    body = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
    raw = (
        HEAD
        + b"Subject: Parts\r\nMIME-Version: 1.0\r\nContent-Type: multipart/"
        + kind.encode()
        + b'; boundary="'
        + declared
        + b'"\r\n\r\n'
        + body
        + (b"--" + boundary + b"--\r\n" if end else b"")
    )
    case(name, raw, **expected)


def part(body, content_type="text/plain; charset=utf-8", **headers):
    lines = [f"Content-Type: {content_type}", *(f"{k.replace('_', '-')}: {v}" for k, v in headers.items())]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


def attached(name, body=b"data", content_type="application/octet-stream"):
    return part(body, content_type, Content_Disposition=f"attachment; {name}")


# === CHARSETS === #

for charset, codec, text in (
    ("utf-8", "utf-8", "été à Noël €"),
    ("UTF8", "utf-8", "été"),
    ("utf8mb4", "utf-8", "été"),
    ("iso-8859-1", "cp1252", "prix 10 € “net”"),
    ("iso-8859-15", "iso-8859-15", "prix 10 €"),
    ("windows-1252", "cp1252", "“déjà”"),
    ("cp1252", "cp1252", "déjà"),
    ("latin1", "latin-1", "déjà"),
    ("ansi", "cp1252", "déjà"),
    ("iso-8859-2", "iso-8859-2", "žluťoučký"),
    ("windows-1250", "cp1250", "žluťoučký"),
    ("koi8-r", "koi8-r", "привет"),
    ("windows-1251", "cp1251", "привет"),
    ("iso-8859-8-i", "iso-8859-8", "שלום"),
    ("windows-1256", "cp1256", "مرحبا"),
    ("gb2312", "gb18030", "你好"),
    ("gbk", "gbk", "你好"),
    ("big5", "big5", "你好"),
    ("shift_jis", "cp932", "こんにちは①"),
    ("iso-2022-jp", "iso-2022-jp", "こんにちは"),
    ("euc-kr", "euc-kr", "안녕"),
    ("ks_c_5601-1987", "cp949", "안녕"),
    ("utf-16", "utf-16", "été"),
    ("utf-7", "utf-7", "été"),
    ("macintosh", "mac-roman", "été"),
    ("x-mac-roman", "mac-roman", "été"),
):
    encoded = base64.b64encode(text.encode(codec))
    simple(f"charset {charset}", encoded, f"text/plain; charset={charset}", "base64", text=text)

for charset in (
    "x-unknown",
    "unknown-8bit",
    "default",
    "nonsense-42",
    "",
    '"utf-8',
    "idna",
    "unicode_escape",
    "utf-8\x00",
    "hex",
    "zlib",
):
    simple(f"impossible charset {charset!r}", "été".encode(), f"text/plain; charset={charset}", text="été")
simple("no charset, UTF-8", "été".encode(), "text/plain", text="été")
simple("no charset, Latin-1", b"\xe9t\xe9", "text/plain", text="été")
simple("declares ASCII, sends UTF-8", "été".encode(), "text/plain; charset=us-ascii", text="été")
simple("declares UTF-8, sends Latin-1", b"\xe9t\xe9 ici", text="été ici")
simple("undefined bytes of Windows-1252", b"a\x81b", "text/plain; charset=windows-1252", text="a")

# === TRANSFER ENCODINGS === #

simple("base64 without padding", base64.b64encode(b"bonjour").rstrip(b"="), encoding="base64", text="bonjour")
simple("base64 with foreign characters", b"Ym9u!!am91 cg==\r\n", encoding="base64", text="bonjour")
simple("base64 cut by one", base64.b64encode(b"bonjour monde")[:-3], encoding="base64", text="bonjour mon")
simple("base64 then a footer", base64.b64encode(b"bonjour") + b"\r\n=====\r\n", encoding="base64", text="bonjour")
simple("quoted-printable", b"d=C3=A9j=C3=A0=\r\n vu", encoding="quoted-printable", text="déjà vu")
simple("quoted-printable broken", b"prix =ZZ 100=", encoding="quoted-printable", text="prix")
simple("quoted-printable in capitals", b"d=c3=a9j=C3=A0", encoding="Quoted-Printable", text="déjà")
simple("unknown encoding", b"bonjour", encoding="x-nonsense", text="bonjour")
simple("empty encoding", b"bonjour", encoding="", text="bonjour")
simple("binary with NUL", b"bon\x00jour", encoding="binary", text="bonjour")
simple("uuencode", b"begin 644 a\r\n'8F]N:F]U<@\r\n`\r\nend\r\n", encoding="x-uuencode", text="bonjour")
simple("uuencode broken", b"begin 644 a\r\n'\xe9\xe9\xe9\xe9\r\nend\r\n", encoding="x-uuencode", text="éééé")
simple("control characters", b"bon\x01\x02\x1bjour\x7f", text="bonjour")
simple("CR line ends", b"un\rdeux\rtrois", text="un\ndeux\ntrois")
simple("one line of 300 KB", b"mot " * 75_000, text="mot mot")

# === SUBJECTS AND ADDRESSES === #

for name, subject, expected in (
    ("encoded word B", b"=?UTF-8?B?w6l0w6k=?=", "été"),
    ("encoded word Q", b"=?utf-8?q?=C3=A9t=C3=A9_ici?=", "été ici"),
    ("words of one character cut in two", b"=?utf-8?Q?=C3?= =?utf-8?Q?=A9?=", "é"),
    ("two words glued", b"=?utf-8?q?un?==?utf-8?q?deux?=", "undeux"),
    ("unknown charset", b"=?nonsense?q?=C3=A9?=", "é"),
    ("wrong charset", b"=?us-ascii?q?=C3=A9?=", "é"),
    ("broken base64", b"=?utf-8?B?w6l0w6?=", "ét"),
    ("raw UTF-8", "été".encode(), "été"),
    ("raw Latin-1", b"\xe9t\xe9", "été"),
    ("folded", b"un\r\n deux\r\n\ttrois", "un deux trois"),
    ("language tag", b"=?utf-8*fr?q?=C3=A9?=", "é"),
    ("unclosed word", b"=?utf-8?q?bonjour", "=?utf-8?q?bonjour"),
    ("empty", b"", ""),
    ("NUL", b"bon\x00jour", "bonjour"),
    ("mixed", b"Re: =?utf-8?q?=C3=A9t=C3=A9?= 2026", "Re: été 2026"),
    ("emoji", "🎉 fête".encode(), "🎉 fête"),
    ("only a carriage return", b"a\r b", None),
):
    simple(
        f"subject: {name}", b"corps", title=subject, text="corps", **({} if expected is None else {"subject": expected})
    )
simple("subject of 100 KB", b"corps", title=b"long " * 20_000, text="corps")
for name, field, address in (
    ("name with comma", b'"Dupont, Jean" <jean@example.org>', "jean@example.org"),
    ("encoded name", b"=?utf-8?q?Zo=C3=A9?= <zoe@example.org>", "zoe@example.org"),
    ("bare", b"zoe@example.org", "zoe@example.org"),
    ("capitals", b"<ZOE@Example.ORG>", "zoe@example.org"),
    ("two authors", b"a@example.org, b@example.org", "a@example.org"),
    ("no address", b"Postmaster", ""),
    ("nothing", b"", ""),
    ("unclosed", b"Zoe <zoe@example.org", "zoe@example.org"),
    ("comment", b"zoe@example.org (Zoe)", "zoe@example.org"),
):
    case(f"from: {name}", b"From: " + field + b"\r\nSubject: S\r\n\r\ncorps", text="corps", from_address=address)
for name, field in (
    ("UUID in brackets", b"<[c0ffee]@host>"),
    ("spaces", b"< a b@host >"),
    ("none", b""),
    ("two", b"<a@b> <c@d>"),
    ("long", b"<" + b"a" * 5000 + b"@b>"),
):
    case(
        f"message-id: {name}", b"From: a@b.test\r\nMessage-ID: " + field + b"\r\nSubject: S\r\n\r\ncorps", text="corps"
    )
for date in (
    b"nonsense",
    b"Mon, 99 Foo 2026 99:99:99 +9999",
    b"Thu, 01 Jan 1970 00:00:00 -2400",
    b"",
    b"32 Jan 99999 00:00 GMT",
):
    case(f"date: {date!r}", b"From: a@b.test\r\nDate: " + date + b"\r\nSubject: S\r\n\r\ncorps", text="corps")

# === STRUCTURE === #

case("empty mail", b"", text="")
case("one line end", b"\r\n", text="")
case("body only", b"\r\nbonjour", text="bonjour")
case("headers only", b"Subject: seul\r\nFrom: a@b.test", subject="seul")
case("no line end anywhere", b"bonjour", text="")
case("LF only", b"From: a@b.test\nSubject: S\n\nun\ndeux\n", text="un\ndeux")
case(
    "mbox line first",
    b"From zoe@example.org Sat Nov 21 00:00:00 2026\r\nSubject: S\r\n\r\ncorps",
    text="corps",
    subject="S",
)
case("byte order mark first", b"\xef\xbb\xbfSubject: S\r\n\r\ncorps", text="corps")
case("header without colon", b"Subject: S\r\nnonsense\r\nFrom: a@b.test\r\n\r\ncorps", text="corps", subject="S")
case("content type is nonsense", HEAD + b"Content-Type: ;;;\r\n\r\ncorps", text="corps")
case("content type without subtype", HEAD + b"Content-Type: text\r\n\r\ncorps", text="corps")
case("multipart without boundary", HEAD + b"Content-Type: multipart/mixed\r\n\r\ncorps", text="corps")
case("multipart without a part", HEAD + b'Content-Type: multipart/mixed; boundary="x"\r\n\r\ncorps', text="corps")
multipart("no closing boundary", [part("été".encode())], end=False, text="été")
multipart("empty part", [b"\r\n", part(b"corps")], text="corps")
multipart("boundary with spaces", [part(b"corps")], boundary=b"a b c", text="corps")
multipart(
    "text then attachment then text",
    [part(b"un"), attached("filename=a.bin"), part(b"deux")],
    text="un\ndeux",
    files=["a.bin"],
)
multipart(
    "alternative, HTML first",
    [part(b"<p>riche</p>", "text/html"), part(b"simple")],
    "alternative",
    text="simple",
    html="<p>riche</p>",
)
multipart("alternative, empty plain", [part(b" "), part(b"<p>riche</p>", "text/html")], "alternative", text="riche")
multipart(
    "alternative inside related inside mixed",
    [
        b'Content-Type: multipart/related; boundary="R"\r\n\r\n--R\r\n'
        b'Content-Type: multipart/alternative; boundary="A"\r\n\r\n'
        b'--A\r\n\r\nsimple\r\n--A\r\nContent-Type: text/html\r\n\r\n<img src="cid:logo">riche\r\n--A--\r\n--R\r\n'
        b"Content-Type: image/png; name=logo.png\r\nContent-ID: <logo>\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n--R--\r\n"
    ],
    text="simple",
    html='<img src="cid:logo">',
    files=["logo.png"],
)
multipart(
    "signed",
    [part(b"corps"), part(b"sig", "application/pgp-signature; name=signature.asc")],
    "signed",
    text="corps",
    files=["signature.asc"],
)
multipart(
    "encrypted",
    [part(b"Version: 1", "application/pgp-encrypted"), attached("filename=encrypted.asc")],
    "encrypted",
    files=["part-1.pgpencry", "encrypted.asc"],
)
multipart(
    "bounce",
    [
        part(b"Votre message n'a pas pu"),
        part(b"Action: failed\r\nStatus: 5.1.1", "message/delivery-status"),
        part(b"Subject: original\r\n\r\nx", "message/rfc822"),
    ],
    "report",
    text="n'a pas pu",
)
multipart(
    "forwarded mail",
    [part(b"voir"), part(b"Subject: dedans\r\n\r\nsecret", "message/rfc822")],
    text="voir",
    files=["message.eml"],
    not_text="secret",
)
multipart(
    "forwarded mail in base64",
    [
        part(b"voir"),
        part(base64.b64encode(b"Subject: x\r\n\r\ny"), "message/rfc822", Content_Transfer_Encoding="base64"),
    ],
    text="voir",
)
multipart(
    "digest",
    [b"\r\nSubject: un\r\n\r\na", b"\r\nSubject: deux\r\n\r\nb"],
    "digest",
    files=["message.eml", "message.eml"],
)
multipart("external body", [part(b"corps"), part(b"", "message/external-body; access-type=URL")], text="corps")
case(
    "nested a thousand times",
    HEAD
    + b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(1000))
    + b"\r\ncorps",
    unreadable=True,
)
multipart("three thousand parts", [b"\r\nx"] * 3000, unreadable=True)
multipart(
    "three hundred attachments",
    [part(b"corps")] + [attached(f"filename=f{n}.bin") for n in range(300)],
    text="corps",
    files=[f"f{n}.bin" for n in range(300)],
)

# === ATTACHMENTS === #

for name, field, expected in (
    ("RFC 2231", "filename*=utf-8''%C3%A9t%C3%A9.pdf", "été.pdf"),
    ("RFC 2231 in pieces", "filename*0*=utf-8''%C3%A9; filename*1*=t%C3%A9.pdf", "été.pdf"),
    ("RFC 2231 unknown charset", "filename*=nonsense''%C3%A9.pdf", "é.pdf"),
    ("RFC 2047", 'filename="=?utf-8?q?=C3=A9t=C3=A9.pdf?="', "été.pdf"),
    ("raw UTF-8", 'filename="été.pdf"', "été.pdf"),
    ("path", 'filename="../../etc/passwd"', "passwd"),
    ("Windows path", r'filename="C:\\a\\b.txt"', "b.txt"),
    ("line break", 'filename="a\r\n b.txt"', "a b.txt"),
    ("NUL", 'filename="a\x00b.txt"', "ab.txt"),
    ("none", "x=y", "part-1.octetstr"),
    ("only dots", 'filename="..."', "part-1.octetstr"),
):
    multipart(f"file name: {name}", [part(b"corps"), attached(field)], text="corps", files=[expected])
multipart(
    "winmail.dat",
    [part(b"corps"), part(b"\x78\x9f\x3e\x22", "application/ms-tnef")],
    text="corps",
    files=["winmail.dat"],
)
WINMAIL = tnef(file("Devis été.pdf", b"%PDF-1.4 devis"), file("plan.png", b"png"))
for name, data, files in (
    ("two files", WINMAIL, ["Devis été.pdf", "plan.png"]),
    ("an attached mail", tnef(attached_mail(WINMAIL)), ["Devis été.pdf", "plan.png"]),
    ("mails attached a hundred times", tnef(reduce(lambda inner, _n: attached_mail(tnef(inner)), range(100), b"")), []),
    ("cut", WINMAIL[:-40], ["Devis été.pdf", "SHORT~1.DAT"]),
    ("path as a name", tnef(file("../../etc/passwd", b"x")), ["passwd"]),
    ("three thousand files", tnef(*[file("a.txt", b"x")] * 3000), ["a.txt"] * 1000),
    ("counts without end", counts_without_end(), []),
):
    multipart(
        f"winmail.dat: {name}",
        [part(b"corps"), attached("filename=winmail.dat", data)],
        text="corps",
        files=["winmail.dat", *files],
    )
case(
    "winmail.dat is the whole mail",
    HEAD + b"Content-Type: application/ms-tnef\r\n\r\n" + tnef(html="<p>Voilà <b>le</b> devis</p><script>x()</script>"),
    text="Voilà le devis",
    html="<b>le</b>",
    not_html="script",
)
case(
    "winmail.dat in rich text alone",
    HEAD
    + b"Content-Type: application/ms-tnef\r\n\r\n"
    + tnef(rtf="{\\rtf1\\ansi Voil\\'e0 l\\u8217?\\b \\'e9t\\'e9\\par fin}"),
    text="Voilà l’été\nfin",
)
case(
    "the words of a mail attached in a winmail.dat",
    HEAD + b"Content-Type: application/ms-tnef\r\n\r\n" + tnef(attached_mail(tnef(text="Voilà")), text="corps"),
    text="corps",
    files=["winmail.dat", "message.txt"],
)
case(
    "winmail.dat with plain text",
    HEAD + b"Content-Type: application/ms-tnef\r\n\r\n" + tnef(text="Voilà l’été"),
    text="Voilà l’été",
)
multipart(
    "invitation",
    [part(b"Rendez-vous"), part(b"BEGIN:VCALENDAR\r\nEND:VCALENDAR", "text/calendar; method=REQUEST")],
    "alternative",
    text="Rendez-vous",
    files=["invite.ics"],
)
multipart(
    "text attachment is not the body",
    [part(b"corps"), attached("filename=notes.txt", b"notes", "text/plain")],
    text="corps",
    not_text="notes",
    files=["notes.txt"],
)
multipart(
    "attachment with an unknown charset",
    [part(b"corps"), attached("filename=a.txt", b"x", "text/plain; charset=nonsense")],
    text="corps",
    files=["a.txt"],
)

# === HTML === #

for name, body, expected in (
    ("only HTML", b"<p>un</p><p>deux</p>", {"text": "un\ndeux"}),
    ("script", b"<p>a</p><script>alert(1)</script>", {"text": "a", "not_html": "alert"}),
    ("event", b'<p onclick="x()">a</p>', {"text": "a", "not_html": "onclick"}),
    ("javascript link", b'<a href="javascript:x()">a</a>', {"text": "a", "not_html": "javascript"}),
    ("data link", b'<a href="data:text/html,x">a</a>', {"text": "a", "not_html": "data:text"}),
    ("frame", b"<iframe src=http://x></iframe>a", {"text": "a", "not_html": "iframe"}),
    ("form", b"<form action=http://x><input name=p></form>a", {"text": "a", "not_html": "input"}),
    ("style sheet", b"<style>p{x:y}</style>a", {"text": "a", "not_html": "x:y"}),
    (
        "remote image",
        b'<img src="https://x/track.png">a',
        {"text": "a", "html": 'data-remote-src="https://x/track.png"', "not_html": ' src="http'},
    ),
    ("protocol-relative image", b'<img src="//x/t.png">a', {"text": "a", "not_html": ' src="//'}),
    ("relative image", b'<img src="/web/session/destroy">a', {"text": "a", "not_html": "destroy"}),
    ("background", b'<td background="http://x/t.png">a</td>', {"text": "a", "not_html": "http://x"}),
    ("style url", b'<p style="background:url(http://x/t.png);color:red">a</p>', {"text": "a", "not_html": "url("}),
    ("svg", b"<svg><script>1</script></svg>a", {"text": "a", "not_html": "svg"}),
    (
        "math",
        b"<math><mtext><style><img src=x onerror=1></style></mtext></math>a",
        {"text": "a", "not_html": "onerror"},
    ),
    ("unclosed", b"<p>a<b>b<table><tr><td>c", {"text": "c"}),
    ("conditional comment", b"<!--[if mso]><p>outlook</p><![endif]-->a", {"text": "a", "not_html": "outlook"}),
    ("entities", b"&eacute;t&eacute; &#x20AC; &amp;lt;", {"text": "été € &lt;"}),
    ("deep", b"<div>" * 2000 + b"a", {"text": "a"}),
    ("object", b"<object data=x></object><embed src=x>a", {"text": "a", "not_html": "embed"}),
    ("meta refresh", b'<meta http-equiv=refresh content="0;url=http://x">a', {"text": "a", "not_html": "refresh"}),
    ("base", b'<base href="http://x/">a', {"text": "a", "not_html": "<base"}),
    ("link", b'<link rel=stylesheet href="http://x">a', {"text": "a", "not_html": "stylesheet"}),
    ("fixed overlay", b'<div style="position:fixed;top:0">a</div>', {"text": "a", "not_html": "fixed"}),
):
    simple(f"HTML: {name}", body, "text/html; charset=utf-8", **expected)
simple("HTML in UTF-16", "<p>été</p>".encode("utf-16"), "text/html; charset=utf-16", "8bit", text="été")


def mutations(count, seed=1):
    """Cases with bytes changed, lost, doubled, cut or spliced with another case; the seed reproduces them."""
    dice = random.Random(seed)
    small = [raw for _name, raw, _expected in CASES if len(raw) < 20_000]
    for number in range(count):
        raw = bytearray(dice.choice(small))
        for _change in range(dice.randint(1, 12)):
            start = dice.randrange(len(raw) + 1)
            end = min(len(raw), start + dice.randint(0, 40))
            kind = dice.randrange(5)
            if kind == 0:
                raw[start:end] = dice.randbytes(end - start)
            elif kind == 1:
                del raw[start:end]
            elif kind == 2:
                raw[start:start] = raw[start:end]
            elif kind == 3:
                other = dice.choice(small)
                cut = dice.randrange(len(other) + 1)
                raw[start:] = other[cut : cut + 4000]
            else:
                raw[start:end] = bytes(reversed(raw[start:end]))
        yield number, bytes(raw)


def uu_file(name, content):
    """A file as old programs write it into the text of a mail."""
    lines = [binascii.b2a_uu(content[start : start + 45]).strip(b"\n") for start in range(0, len(content), 45)]
    return b"\r\n".join([b"begin 644 " + name.encode(), *lines, b"`", b"end"])


def ordinary(number):
    """A mail that must come through whatever stands before it."""
    mail = EmailMessage()
    mail["From"], mail["Subject"] = "ok@example.org", f"ordinary {number}"
    mail.set_content("ok")
    return mail.as_bytes()
