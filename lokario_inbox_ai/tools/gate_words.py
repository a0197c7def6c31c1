# ruff: noqa: E501  tables of words
"""Words that an automatic answer may not say unless a policy allows their category, and what distinguishes languages.

All in the form of `gate_text.canonical`: lower case, no accents, no punctuation. Languages: French and English in
full, German, Spanish, Italian, Portuguese and Dutch for the gravest; other languages are refused as such.
"""

PROMISES = {
    "refund": r"rembours\w*|refund\w*|reimburs\w*|money back|ruckerstatt\w*|erstatt\w*|reembols\w*|rimbors\w*|restituer|terugbetal\w*"
    r"|credit note|note de credit|chargeback|recredit\w*",
    "discount": r"remise|rabais|ristourne|discount\w*|rebate|voucher|bon d achat|code promo\w*|promo code|coupon\w*|reduction"
    r"|geste commercial|avoir de|rabatt|descuento|sconto|desconto|korting|cashback|prime exceptionnelle|bonus",
    "free": r"gratuit\w*|for free|free of charge|offert\w*|offrons|offrir|a titre gracieux|no charge|kostenlos|gratis|cadeau|gift",
    "compensation": r"indemnis\w*|indemnit\w*|dedommag\w*|compensat\w*|damages|dommages et interets|entschadig\w*",
    "guarantee": r"garanti\w*|guarantee\w*|warrant\w*|promettons|je promets|we promise|i promise|nous nous engageons|engagement ferme"
    r"|we commit|garantier\w*|garantiza\w*",
    "liability": r"responsab\w+ (est |sont )?(entiere|totale|engagee)|notre faute|notre responsabilite|our fault|liable|liability"
    r"|we admit|nous reconnaissons|negligence|faute de notre part|haftung|nous admettons",
    "price": r"(nous |je vous |vous )?(confirm|valid|accept|maint)\w*( \w+){0,5} (prix|tarif|montant|devis|offre)"
    r"|(we |i )?(confirm|accept|honou?r|agree)\w*( \w+){0,5} (price|amount|quote|quotation|offer)",
    "contract": r"resili\w*|contrat (est )?(accepte|signe|conclu|annule)|terminate (the|your) contract|contract is (accepted|signed|cancelled)"
    r"|we accept (the|your) (offer|terms|order)|nous acceptons (votre|vos|les|la)|accord ferme|bon pour accord|legally binding"
    r"|commande (est )?(confirmee|validee)|order is confirmed|devis (est )?accepte|annul\w+ (de )?(votre|la|le|les) (facture|dette|contrat)"
    r"|debt is (cancelled|waived)|facture est (annulee|soldee)|invoice (is|has been) (cancelled|waived|paid)|waive\w*"
    r"|paiement (est |a ete )?(recu|valide)|payment (is|has been) received|licence is granted|embauch\w*|hired|vous etes engage",
    "bank": r"coordonnees bancaires|nouveau (rib|compte)|nouvel iban|change\w* (de |of )?(rib|compte bancaire|bank)|bank (details|account)"
    r"|account number|numero de compte|virement|wire transfer|transfer the (money|amount|sum)|bankverbindung|crypto\w*|wallet"
    r"|western union|gift cards?|cartes? cadeaux?|paypal|versez|verser la somme|send (the )?(money|funds)|envoyez l argent",
    "credentials": r"mots? de passe|password\w*|passwort|contrasena|identifiants? (de connexion)?|code (de )?(securite|confidentiel|secret|pin|verification)"
    r"|pin code|one time code|otp|cvv|cvc|carte bancaire|card number|numero de carte|credit card|carte bleue|login details"
    r"|credentials|api key|cle (d )?api|private key|seed phrase|security question|date de naissance|numero de securite sociale"
    r"|social security|passport number|2fa|token",
    "disclosure": r"system prompt|instructions? (systeme|internes?|cachees?|secretes?)|my instructions|mes instructions|prompt systeme"
    r"|internal (note|document|price|cost)s?|prix (d achat|de revient)|marge\w*|notes? internes?|confidentiel\w*|confidential"
    r"|autres? clients?|other (customer|client)s?|another (customer|client)|un autre client|fichier clients?|customer list|salaires?|salary",
    "legal": r"plainte|tribunal|court of law|lawsuit|sue you|poursuites?|huissier|avocat|attorney|lawyer|police|mise en demeure",
    "harm": r"idiot\w*|stupid\w*|imbecile\w*|connard\w*|escroc\w*|voleur\w*|scam\w*|fraud\w*|arnaqu\w*|hate you|menac\w*|threat\w*|tuer|kill"
    r"|bombe?|explos\w*|suicid\w*|nazi\w*|merde|fuck\w*|shit|putain|salop\w*|bastard|moron|racis\w*|sexuel\w*|sexual\w*|nude",
    "download": r"telecharge\w*|download\w*|install\w*|executez|run the (file|program|script)|macro\w*|teamviewer|anydesk|remote access"
    r"|prise en main a distance|cliquez|click\w*|piece jointe|pieces jointes|ci joint\w*|attached|attachment\w*|scannez|qr ?code|scan the",
}

LANGUAGE_WORDS = {
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

NUMBER_WORDS = frozenset(
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
