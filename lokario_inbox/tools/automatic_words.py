# ruff: noqa: E501  tables of words
"""How machines begin the subjects of what they write, in the languages of the suite: fr en de es it pt nl pl sv tr.

Patterns are compared with folded text: no accents, no case, one blank between words. A pattern stands at the beginning
of the subject, behind the prefixes of answers; words that people use too must end there or before a colon or a dash.
"""

import re
import unicodedata

_LETTERS = str.maketrans({"ł": "l", "ı": "i", "ø": "o", "đ": "d", "’": "'", "‘": "'", "`": "'"})
SUBJECT_MAX = 500  # characters of a subject that are read


def folded(text: str) -> str:
    """Return text as the patterns below are written."""
    plain = text[:SUBJECT_MAX].casefold().translate(_LETTERS)
    if not plain.isascii():
        plain = "".join(char for char in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(char))
        plain = unicodedata.normalize("NFC", plain)  # Korean syllables
    return " ".join(plain.split())


def says(table: re.Pattern, subject: str) -> bool:
    """Whether a folded subject begins as those of the table do."""
    return bool(table.match(subject))


_ENDS = r"(?: ?[:!.,;(\-–—|/\[]| ?\*| re\b|$)"

VACATION = re.compile(
    # said by machines alone
    r"\W*(?:auto(?:matic(?:ally)?|matisch?e?|mated|matique|matica|matico)?[ -]?(?:reply|response|responder|antwort|replay|respuesta|generated)"
    r"|reponse automati(?:que|see)|reponse d'absence|(?:message|notification|avis|courriel) (?:automatique )?d'absence"
    r"|message automatique|automatische (?:antwort|reactie|beantwoording|e-?mail)|automatisch(?:es)? (?:antwoord|bericht)"
    r"|abwesenheits\w*|automatische abwesenheit\w*|(?:respuesta|contestacion|mensaje) automatic[ao]|autorespuesta"
    r"|(?:risposta|messaggio) automatic[ao]|(?:resposta|mensagem) automatica|autorresposta|afwezigheids\w*"
    r"|automatyczna odpowiedz|odpowiedz automatyczna|autoodpowiedz|automatiskt? (?:svar|meddelande)|autosvar"
    r"|otomatik (?:yanit|cevap|mesaj)|\[?(?:ooo|auto[- ]?reply)\]?"
    + _ENDS
    + r"|(?:vacation|away|holiday) (?:reply|response|message|notice|auto)"
    r"|vacances? - reponse"
    r"|自动(?:回复|答复)|自動(?:回覆|返信|応答)|자동 ?(?:회신|응답)|부재중|автоответ|автоматический ответ"
    r"|automaattinen vastaus|automatisk svar|automaticka odpoved|automatikus valasz|raspuns automat|αυτοματη απαντηση"
    r")"
)

# said by people too, so never with anything behind it; no person is silenced by it, only not answered by a machine
ABSENCE = re.compile(
    r"\W*(?:out of(?: the| my)? office|away from (?:the|my) (?:office|desk|mail|e-?mail)|(?:i am |i'm )?(?:currently |now )?"
    r"(?:out of (?:the )?office|on (?:\w+ )?(?:leave|vacation|holidays?)|away)"
    r"|(?:je suis )?(?:actuellement |absente? |absence |en )?(?:absente?|absence|absence du bureau|en conges?(?: \w+)?"
    r"|conges?|hors du bureau|en vacances|en deplacement)(?: du bureau| temporaire| jusqu'au .{1,30}| pour conges?| conges?)?"
    r"|(?:ich bin )?(?:derzeit |zur zeit |zurzeit |momentan |aktuell )?(?:abwesend|abwesenheit|im urlaub|nicht im (?:buro|haus)"
    r"|au(?:ss|s)er haus|urlaub)"
    r"|(?:estoy )?(?:fuera de (?:la )?oficina|ausente|ausencia|de vacaciones|en vacaciones)(?: de la oficina| temporal)?"
    r"|(?:sono )?(?:fuori (?:dall')?ufficio|fuori sede|assente|assenza|in ferie)(?: dall'ufficio| temporanea)?"
    r"|(?:estou )?(?:fora d[oe] escritorio|ausente|ausencia|de ferias|em ferias)(?: do escritorio| temporaria)?"
    r"|(?:ik ben )?(?:momenteel |tijdelijk )?(?:afwezig|afwezigheid|niet aanwezig|niet op kantoor|buiten kantoor|met vakantie|op vakantie)"
    r"|(?:jestem )?(?:poza biurem|nieobecn\w+|na urlopie|urlop)(?: w biurze| \w+)?"
    r"|(?:jag ar )?(?:ej pa kontoret|inte pa kontoret|franvar\w+|pa semester|semester|borta fran kontoret)"
    r"|(?:ofis disinda\w*|ofiste degil\w*|izinde\w*|yillik izin\w*|ofis disi|is yerinde degil\w*))" + _ENDS
)

RECEIPT = re.compile(
    r"\W*(?:(?:read|lu|gelesen|leido|letto|lida|gelezen|przeczytano|last|okundu) ?:|not read ?:|non lu ?:"
    r"|(?:read|return) receipt|accuse de (?:lecture|reception)|lesebestatigung|empfangsbestatigung|confirmacion de lectura"
    r"|acuse de recibo|conferma di lettura|ricevuta di ritorno|confirmacao de leitura|leesbevestiging|ontvangstbevestiging"
    r"|potwierdzenie (?:przeczytania|odbioru)|laskvitto|okundu bilgisi"
    # of a help desk that has got a question
    r"|(?:your |votre )?(?:support )?ticket\b.{0,40} (?:received|created|opened|cree|enregistre|ouvert)\b|ticket received"
    r"|we(?:'ve| have)? received your|nous avons (?:bien )?recu vot?re|votre demande .{0,40}(?:recue|enregistree|prise en compte)"
    r"|wir haben ihre .{0,30} erhalten|ihre anfrage .{0,30}(?:erhalten|eingegangen))"
)

BOUNCE = re.compile(
    r"\W*(?:undeliver(?:ed|able)|(?:mail |message )?delivery (?:status|failure|failed|has failed|error|notification|report)"
    r"|mail delivery|mail(?:er)? (?:system )?(?:error|failure)|returned (?:mail|to sender)|fail(?:ed|ure) delivery|failure notice|delivery has failed"
    r"|(?:mail|message|your (?:mail|message)).{0,40}(?:not (?:be )?deliver|undeliverable|could not|returned|rejected)"
    r"|non[- ]?deliver|nondeliverable|unable to deliver|permanent (?:delivery )?(?:failure|error)|mail could not"
    r"|(?:echec|erreur|probleme) (?:de |d'|lors de )?(?:la )?(?:remise|livraison|distribution|delivrance|l'envoi|envoi|l'acheminement)"
    r"|(?:message |courrier |courriel )?non (?:remis|distribu|delivr|achemin)"
    r"|remise impossible|impossible (?:de|a) (?:remettre|distribuer|delivrer)|notification (?:d'etat|d'echec) de (?:la )?(?:remise|distribution)"
    r"|unzustellbar|nicht zustellbar|(?:e-?mail|nachricht)?.{0,20}(?:zustellung|ubermittlung).{0,30}(?:fehl|nicht|status|problem)"
    r"|fehler bei der (?:zustellung|ubermittlung)|nachricht konnte nicht|unzugestellt|ruckmeldung"
    r"|benachrichtigung (?:zum|uber den) (?:ubermittlungs|zustell)"
    r"|no se (?:puede|pudo|ha podido) entregar|(?:correo|mensaje)? ?no entregado|error (?:de|en la) entrega|fallo (?:de|en la) entrega"
    r"|(?:correo|mensaje) devuelto|devuelto|notificacion (?:de|del) estado de (?:la )?entrega|no entregable"
    r"|non recapitabile|impossibile recapitare|mancat[oa] (?:recapito|consegna)|(?:messaggio|posta) non (?:consegnat|recapit)"
    r"|notifica (?:sullo|di) stato (?:del|di) (?:recapito|consegna)|errore di (?:recapito|consegna)"
    r"|nao (?:foi possivel|e possivel) entregar|falha na entrega|(?:mensagem )?nao entregue|nao entregavel|(?:mensagem )?devolvid"
    r"|notificacao (?:de|do) (?:status|estado) d[ae] entrega|erro (?:de|na) entrega"
    r"|onbestelbaar|niet (?:bezorgd|afgeleverd|bezorgbaar)|kon niet worden (?:bezorgd|afgeleverd)|(?:bericht|e-?mail) niet (?:bezorgd|afgeleverd)"
    r"|niedostarcz\w*|nie (?:mozna|udalo sie) dostarczyc|(?:blad|niepowodzenie) dostarcz\w*|zwrot (?:poczty|wiadomosci)|nie dostarczono"
    r"|kan(?:de)? inte levereras|(?:det )?gick inte att leverera|olever\w*|ej leverer\w*|leveransfel|misslyckad leverans"
    r"|teslim edile\w*|iletil(?:e)?me\w*|teslimat (?:hatasi|basarisiz)|gonderileme\w*"
    r"|メール(?:送信)?エラー|配信不能|配達不能|投递失败|系统退信|退信|반송)"
)

DELAY = re.compile(
    r"\W*(?:warning ?: ?(?:message|could not send|mail).{0,60}|(?:delivery (?:status notification )?\(?delay|delayed mail|mail delayed)"
    r"|(?:message|mail|delivery).{0,30}delayed|livraison retardee|(?:remise|message) (?:differee?|retardee?)|retard de (?:la )?(?:remise|livraison)"
    r"|verzogerte? (?:zustellung|nachricht)|zustellung.{0,20}verzog|entrega (?:retrasada|demorada|atrasada)|recapito ritardato"
    r"|vertraagde? bezorging|bezorging vertraagd|opoznien\w*|forsenad leverans|leverans(?:en)? forsenad|gecikme\w* teslim\w*|teslimat gecik\w*)"
)

NO_REPLY_NAME = re.compile(
    r"\W*(?:(?:do[ -]?not|no|don't)[ -]?reply|(?:merci de )?ne pas repondre|(?:bitte )?(?:nicht antworten|keine antwort)|no responder"
    r"|non rispondere|nao respond(?:a|er)|niet (?:beant)?antwoorden|geen antwoord|nie odpowiadac|svara (?:ej|inte)|(?:lutfen )?yanitlamayin"
    r"|mail delivery (?:system|subsystem|service)|mailer[- ]daemon|microsoft outlook.{0,20}postmaster)\b"
)

# in the text of a report
REFUSED = re.compile(
    r"(?:could not|cannot|can't|couldn't|unable to|not able to|wasn't able to) (?:be )?deliver|not able to be delivered|did not reach|failed to reach|undeliverable|unknown user|user unknown"
    r"|no such (?:user|recipient|mailbox|address)|mailbox (?:not found|unavailable|unknown|full|does not exist)|does not exist"
    r"|mailbox is full|(?:not going to|giving up|give up)|(?:permanent|fatal) (?:fatal )?errors?|address rejected|recipient rejected|returned to sender|not (?:been )?delivered"
    r"|n'a pas (?:pu )?ete? ?(?:remis|delivre|distribue)|(?:pas|impossible).{0,30}(?:remis|delivr|distribu)"
    r"|konnte nicht (?:zugestellt|ubermittelt)|no (?:se )?(?:ha )?pud?[oi].{0,15}entregar|non (?:e stato )?possibile (?:recapitare|consegnare)"
)
STILL_TRYING = re.compile(
    r"(?:will|we'll|server will) (?:continue|keep|retry|try)|still trying|do(?:es)? not need to (?:resend|take)|no action is required"
    r"|(?:sera|seront) (?:reessaye|retente)|(?:has|have) not yet been delivered|will be retried|delivery attempts will continue"
)
