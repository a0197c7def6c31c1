# ruff: noqa: E501  tables of words
"""How mail programs mark what they repeat: attributions, header blocks, separators, and what they sign with.

French and English first, then German, Spanish, Italian, Dutch, Portuguese, the Nordic and Slavic languages, Turkish,
Vietnamese, Chinese, Japanese, Korean; full-width colons too.

Written here although there are libraries: on the public corpora of replies the one that is maintained
(mail-parser-reply 1.36, thirteen languages) folds 50 of 123 as they want and hides words twice; what it knows is below.
"""

import re

_COLON = r"[:\uff1a]"

OPENING = re.compile(
    r"(?:on|le|am|el|em|il|op|den|le|w dniu|dnia|vào|v|dne|pe|ma|ti|ke|to|la|su|tarihinde|在|于|\d{4}年)\b|\d{4}年",
    re.IGNORECASE,
)
VERB = re.compile(
    r"(?<!\w)(?:wrote|writes|said|sent|a (?:écrit|ecrit)|écrivait|schrieb|escribi[oó]|escreveu|ha scritto|scrisse"
    r"|schreef|geschrieben|het volgende geschreven|skrev|skreiv|napisał\(?a?\)?|napsal\(?a?\)?|kirjoitti|написал\(?[аи]?\)?|пишет|đã viết"
    r"|missatge de|va escriure|escribiu|idatzi du|pisze|napísal\(?a?\)?|napisala|napisao(?:/la)?|пише|menulis|quoting|zitat von|citando|yazdı|şunu yazdı|a scris|írta|έγραψε|написа)(?!\w)|写道|寫道|写到|撰写|のメッセージ|さんは書きました|작성|님이 작성",
    re.IGNORECASE,
)
ENDS = re.compile(_COLON + r"$")
ADDRESS = re.compile(r"<[^<>\s]+@[^<>\s]+(?:<mailto:[^<>\s]+>)?>|\b[\w.+-]+@[\w-]+\.[\w.-]+")
TIME = re.compile(r"\b\d{1,2} ?[:h.\uff1a] ?\d{2}\b")
DATE = re.compile(r"\b(?:19|20)\d\d\b|\b\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b")
# an address where others have a verb: of Tutanota, of mutt, of Nextcloud
NAMED = re.compile(
    r"(?:^|\s)(?:by|par|von|de|da|por|van|od|av) \S{1,100}@\S{1,100}:$|@\S{1,100}> \[[\d :.+-]{8,30}\]:$"
    r"|^\"[^\"]{1,100}\" <?\S{1,100}@\S{1,100}>? [–-] \S[^<>@]{6,40}$"
)
TURNS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")  # of lines from right to left
BY_A_PROGRAM = re.compile(rf"@|{TIME.pattern}")  # an address or the time of day

_SEPARATORS = (
    r"original (?:message|mail|e-?mail)|message (?:d['’]origine|original|initial|transféré|transfere|réexpédié)|(?:courriel|mail|e-?mail) (?:original|d['’]origine)"
    r"|(?:ursprüngliche|originale?|weitergeleitete|antwort)[ -]?(?:nachricht|mail|e-mail)|original-?nachricht"
    r"|(?:mensaje|correo) (?:original|reenviado)|mensagem (?:original|encaminhada|reencaminhada)|messaggio (?:originale|inoltrato)"
    r"|(?:oorspronkelijk|doorgestuurd) bericht|originalmeddelande|vidarebefordrat meddelande|(?:original|oprindelig|videresendt|opprinnelig) (?:meddelelse|besked|melding)"
    r"|forwarded (?:message|by .{1,60})|reply message|oryginalna wiadomość|wiadomość (?:oryginalna|przekazana)|původní zpráva"
    r"|исходное сообщение|пересылаемое сообщение|orijinal (?:mesaj|ileti)|(?:alkuperäinen|välitetty) viesti|mesaj original"
    r"|原始邮件|转发邮件|原始郵件|元のメッセージ|転送メッセージ|원본 ?메[세시]지"
)
SEPARATOR = re.compile(
    rf"^(?:[\s*]*+(?:[-_=]{{2,}}+\s*+(?:{_SEPARATORS})\s*+:?\s*+[-_=]{{2,}}+"
    r"|begin forwarded message|début du message (?:réexpédié|transféré)|anfang der weitergeleiteten (?:nachricht|e-mail)"
    r"|inicio del mensaje reenviado|inizio messaggio inoltrato|begin doorgestuurd bericht|início da mensagem reencaminhada"
    r"|vidarebefordrat brev|start på videresendt besked)"
    # of help desks
    r"|\s*+[-_=#~*]{2,}+[^\n]{0,30}\b(?:(?:reply|respond|type|write)\b[^\n]{0,20}\babove"
    r"|répond(?:re|ez)\b[^\n]{0,20}(?:au-dessus|ci-dessus)"
    rf"|oberhalb dieser (?:linie|zeile))\b[^\n]{{0,30}}[-_=#~*]{{2,}}+)\s*+{_COLON}?[\s*]*+$",
    re.IGNORECASE,
)
_LABELS = {  # the colon of "Message du 3/3/25 10:02" (Orange) is that of the time
    "from": r"from|de|von|da|van|från|fra|od|expéditeur|absender|remitente|mittente|от|từ|kimden|lähettäjä|de la|feladó|από|发件人|寄件者|差出人|보낸 ?사람",
    "sent": r"sent|date(?: d['’]envoi)?|envoyée?(?: le)?|envoye|message du(?: [\d/]{6,10}(?: à)? \d{1,2})?|reçu le|gesendet(?: am)?|datum|enviado(?: el| em)?|enviada em|fecha|data|inviato|verzonden|skickat|sendt|dato"
    r"|wysłan[oae]|odesláno|дата|отправлено|đã gửi|ngày|gönderme tarihi|gönderildi|tarih|lähetetty|päivä(?:ys)?|trimis|elküldve|στάλθηκε|发送时间|日期|寄件日期|送信日時|日時|보낸 ?날짜|날짜",
    "to": r"to|à|a|an|para|aan|till|til|do|komu|destinataire|empfänger|кому|đến|kime|vastaanottaja|către|címzett|προς|收件人|收件者|宛先|받는 ?사람",
    "subject": r"subject|objet|sujet|obj|re|betreff|asunto|assunto|oggetto|onderwerp|ämne|emne|temat|předmět|тема|chủ đề|konu|aihe|subiect|tárgy|θέμα|主题|主旨|件名|제목",
}
HEADER_LINE = {
    name: re.compile(rf"^\s*+\*?(?:{words})\s*+\*?\s*+{_COLON}", re.IGNORECASE) for name, words in _LABELS.items()
}

SIGNATURE = re.compile(r"^(?:-- ?|__+)$")
_PROGRAMS = r"(?:outlook|yahoo|mail|gmail|samsung|galaxy|huawei|proton|blackberry|nine|bluemail|typeapp|spark|airmail|canary|edison|thunderbird|i?phone|ipad|android|sparrow|orange|sfr|free|la ?poste|laposte|gmx|web\.de|zimbra|roundcube|zoho|libero|tutanota|ios)"
_LINK = r"(?:<https?://[^\s<>]*>|\(https?://[^\s()]*\))"
MOBILE = re.compile(
    r"^\s*(?:(?:sent|get) (?:from|with|via|using|for)|get outlook for|envoyé (?:de|depuis|à partir de|avec|par|via)|(?:télécharger|obtenir|obtenez) outlook"
    r"|gesendet (?:von|mit|über)|enviado (?:desde|do|pelo|de)|inviato (?:da|dal|con)|verstuurd (?:vanaf|met)|verzonden (?:vanaf|met)"
    rf"|sendt fra|skickat från|wysłan[eo] z|lähetetty|отправлено (?:с|из)|iphone(?:から|에서)|从我的)\b"
    rf"(?: (?:my|mon|ma|meinem|meiner|mi|mio|mijn|meu|min|mit|mojego|моего|the|l['’]application|der|dem|el|la|il|de)\b)*[ '’]?[\w .-]{{0,30}}\b{_PROGRAMS}\b.{{0,60}}$"
    rf"|^\s*(?:sent (?:from|with|via|using)|envoyé (?:de|depuis|à partir de|avec|via)|gesendet (?:von|mit)|enviado desde|inviato da)\b.{{1,40}}{_LINK}\s*$"
    r"|^\s*(?:sent from my|envoyé (?:de|depuis) (?:mon|ma)|enviado desde mi|inviato dal mio|verstuurd vanaf mijn|sendt fra min|skickat från min)\b.{0,60}$"
    r"|^\s*von meinem .{2,30} gesendet\b.{0,60}$",
    re.IGNORECASE,
)
