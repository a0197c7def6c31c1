"""Whether a person or a program asks for what is in a message."""

import re

# Scanners of links, libraries and robots; Apple's privacy proxy, which loads everything as soon as it arrives and says
# no more than "Mozilla/5.0"; Gmail's first look. The proxies of Gmail and Yahoo load when a message is opened.
PROGRAMS = re.compile(
    r"^$|^mozilla/5\.0$|edge/12\.246 mozilla/5\.0$|bot\b|crawl|spider|scan|preview|monitor|headless|phantom|"
    r"python|curl|wget|java/|okhttp|go-http|libwww|httpclient|axios|node-fetch|"
    r"barracuda|mimecast|proofpoint|safelinks|symantec|sophos|trendmicro|fortinet|zscaler|virustotal|facebookexternalhit",
    re.IGNORECASE,
)
FASTEST_READER = 10  # seconds after a message has left: what comes before looks at mail on its way


def is_program(user_agent: str, method: str, seconds: float) -> bool:
    """Whether a request that comes ``seconds`` after the message has left is a program's."""
    return method != "GET" or seconds < FASTEST_READER or bool(PROGRAMS.search(user_agent.strip()))
