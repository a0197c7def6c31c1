"""Which mail is a newsletter, by its headers alone. Who wrote it, a person or a machine: `automatic_mail`."""

import re

_CAMPAIGN = re.compile(r"\n(?:feedback-id|x-campaign|x-mailgun-tag|x-mc-user|x-campaignid):")


def is_newsletter(headers: str = "", precedence: str = "") -> bool:
    """Distinguish newsletters (RFC 2369, RFC 8058) from discussion lists.

    A discussion list has List-Id and List-Post; a newsletter has List-Unsubscribe and cannot be posted to.
    """
    text = "\n" + (headers or "").lower()
    discussion = "\nlist-post:" in text and "\nlist-post: no" not in text
    bulk = (precedence or "").strip().lower() in ("bulk", "list", "junk")
    return not discussion and ("\nlist-unsubscribe:" in text or (bulk and bool(_CAMPAIGN.search(text))))
