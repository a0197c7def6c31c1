# ruff: noqa: E501  tables of words
"""The language of a short text, by its commonest words."""

import re

from .folding import canonical

MAX_TEXT = 5000  # characters that are looked at
MIN_SENTENCE = 4  # words: shorter ones show no language

_WORDS = {
    "fr": "le la les un une des de du et est nous vous votre vos notre nos pour dans avec sur que qui ne pas ce cette je j "
    "il elle sont avons avez bonjour merci cordialement bien au aux en par plus si madame monsieur demande bonne c d l qu "
    "etre a ete pouvez pouvons sera ou quel quels quelle quelles mon ma mes ai est ce puis salut bonsoir comment combien quand s il",
    "en": "the a an of and is are we you your our for in with on that which not this i it have has hello hi dear thank thanks do does "
    "regards best please will be to at from if can as by was been would could any my what when where how much there me did",
    "de": "der die das ein eine und ist wir sie ihr ihre unser fur in mit auf dass nicht ich es haben hallo danke gruse grusse "
    "bitte wird zu von wenn kann guten tag sehr geehrte freundlichen den dem im wann wie wo was mein meine sind bei um ihnen uns",
    "es": "el los las un una y es nosotros usted su nuestro para en con que no este yo hola gracias saludos por favor cual "
    "buenos dias estimado al del se le lo tiene podemos cordiales cuando donde como mi mis esta de la cuanto",
    "it": "il lo gli uno una e di siamo voi vostro nostro per con che non questo io ciao grazie saluti buongiorno gentile "
    "della del alla sono abbiamo puo cordiali la sua quando dove come mio mia quanto quali i vostri",
    "pt": "o os as um uma e de nos voce seu nosso para em com que nao este eu ola obrigado obrigada cumprimentos bom dia "
    "por favor do da ao na no pode temos quando onde como meu minha quanto qual",
    "nl": "de het een en is zijn wij u uw onze voor in met op dat niet dit ik hebben hallo dank groeten goede dag "
    "alstublieft van te aan als kunnen vriendelijke wanneer waar hoe mijn wat jullie graag bedankt",
    "pl": "i w na z do nie jest sie ze to jak czy prosze dziekuje dzien dobry pozdrawiam moje moj gdzie kiedy ile panstwa sa od za mam",
    "sv": "och att det som en ar av for pa med den till inte jag ni er hej tack halsningar nar var hur min mitt har kan vi oss",
    "tr": "ve bir bu icin ile mi ne nasil merhaba tesekkurler tesekkur ederim lutfen nerede zaman saat siparisim var degil ben siz sayin gunler iyi",
}
_PROFILES = {language: frozenset(words.split()) for language, words in _WORDS.items()}
LANGUAGES = tuple(_PROFILES)


def detect_language(text: str) -> str:
    """Return the code of a text's language (one of LANGUAGES), "" when it is none of them or nothing speaks for one."""
    words = canonical(text[:MAX_TEXT]).split()
    letters = [char for char in text[:MAX_TEXT] if char.isalpha()]
    if not words or sum(ord(char) < 0x250 for char in letters) < 0.95 * len(letters):
        return ""
    scores = {language: sum(word in profile for word in words) for language, profile in _PROFILES.items()}
    best, second = sorted(scores, key=scores.get, reverse=True)[:2]
    enough = scores[best] >= max(2, 0.12 * len(words)) and scores[best] > scores[second]
    return best if enough else ""


def foreign_sentences(text: str, language: str) -> list[str]:
    """Return the sentences in which nothing speaks for a language though they are long enough."""
    profile = _PROFILES.get(language, frozenset())
    found = []
    for sentence in re.split(r"[.!?\n]+", text[:MAX_TEXT]):
        words = canonical(sentence).split()
        if len(words) >= MIN_SENTENCE and sum(word in profile for word in words) < max(1, 0.12 * len(words)):
            found.append(" ".join(sentence.split()))
    return found
