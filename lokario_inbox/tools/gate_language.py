"""Language of a short text and numbers written in words, for the languages of our customers."""

import re

from .gate_text import canonical

_WORDS = {
    "fr": "le la les un une des de du et est nous vous votre vos notre nos pour dans avec sur que qui ne pas ce cette je "
    "il elle sont avons avez bonjour merci cordialement bien au aux en par plus si votre madame monsieur demande bonne "
    "etre a ete pouvez pouvons sera ou",
    "en": "the a an of and is are we you your our for in with on that which not this i it have has hello dear thank thanks "
    "regards best please will be to at from if can as by was been would could any",
    "de": "der die das ein eine und ist wir sie ihr ihre unser fur in mit auf dass nicht ich es haben hallo danke gruse "
    "bitte wird zu von wenn kann guten tag sehr geehrte freundlichen den dem im",
    "es": "el los las un una y es nosotros usted su nuestro para en con que no este yo hola gracias saludos por favor "
    "buenos dias estimado al del se le lo tiene podemos cordiales",
    "it": "il lo gli uno una e di siamo voi vostro nostro per con che non questo io ciao grazie saluti buongiorno gentile "
    "della del alla sono abbiamo puo cordiali la sua",
    "pt": "o os as um uma e de nos voce seu nosso para em com que nao este eu ola obrigado obrigada cumprimentos bom dia "
    "por favor do da ao na no pode temos",
    "nl": "de het een en is zijn wij u uw onze voor in met op dat niet dit ik hebben hallo dank groeten goede dag "
    "alstublieft van te aan als kunnen vriendelijke",
}
_PROFILES = {language: frozenset(words.split()) for language, words in _WORDS.items()}
_NUMBER_WORDS = frozenset(
    [
        "zero",
        "un",
        "une",
        "deux",
        "trois",
        "quatre",
        "cinq",
        "six",
        "sept",
        "huit",
        "neuf",
        "dix",
        "onze",
        "douze",
        "treize",
        "quatorze",
        "quinze",
        "seize",
        "vingt",
        "trente",
        "quarante",
        "cinquante",
        "soixante",
        "septante",
        "octante",
        "nonante",
        "cent",
        "cents",
        "mille",
        "million",
        "millions",
        "one",
        "two",
        "three",
        "four",
        "five",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
        "twenty",
        "thirty",
        "forty",
        "fifty",
        "sixty",
        "seventy",
        "eighty",
        "ninety",
        "hundred",
        "thousand",
        "oh",
        "double",
        "triple",
        "null",
        "eins",
        "zwei",
        "drei",
        "vier",
        "funf",
        "sechs",
        "sieben",
        "acht",
        "neun",
        "zehn",
        "elf",
        "zwolf",
        "zwanzig",
        "hundert",
        "tausend",
        "cero",
        "uno",
        "dos",
        "tres",
        "cuatro",
        "cinco",
        "seis",
        "siete",
        "ocho",
        "nueve",
        "diez",
        "veinte",
        "treinta",
        "cien",
        "ciento",
        "mil",
        "due",
        "tre",
        "quattro",
        "cinque",
        "sei",
        "sette",
        "otto",
        "nove",
        "dieci",
        "venti",
        "cento",
        "mila",
        "dois",
        "quatro",
        "sete",
        "oito",
        "nove",
        "dez",
        "vinte",
    ]
)
_JOINERS = frozenset(("et", "and", "und", "y", "e"))


def detect_language(text: str) -> str:
    """Return the language code of a text ("fr", "en", "de", "es", "it", "pt", "nl"), "" when it is none of them."""
    words = canonical(text).split()
    letters = [char for char in text if char.isalpha()]
    if not words or sum(ord(char) < 0x250 for char in letters) < 0.95 * len(letters):
        return ""
    scores = {language: sum(word in profile for word in words) for language, profile in _PROFILES.items()}
    best = max(scores, key=scores.get)
    return best if scores[best] >= max(2, 0.12 * len(words)) else ""


def is_number_word(word: str) -> bool:
    return word in _NUMBER_WORDS


def number_word_runs(text: str, shortest: int = 4) -> list[str]:
    """Return the runs of at least `shortest` number words ("zero six douze trente")."""
    runs, run = [], []
    for word in [*re.findall(r"[^\W_]+", canonical(text)), "."]:
        if word in _NUMBER_WORDS or (run and word in _JOINERS):
            run.append(word)
            continue
        if sum(item in _NUMBER_WORDS for item in run) >= shortest:
            runs.append(" ".join(run))
        run = []
    return runs
