"""What kind of mail this is, told from its headers alone."""

import re
from dataclasses import dataclass

_CAMPAIGN = re.compile(r"\n(?:feedback-id|x-campaign|x-mailgun-tag|x-mc-user|x-campaignid):")
_NO_REPLY = (
    "no-reply",
    "noreply",
    "no_reply",
    "donotreply",
    "do-not-reply",
    "ne-pas-repondre",
    "nepasrepondre",
    "mailer-daemon",
    "postmaster",
    "bounce",
    "notifications",
)


@dataclass(frozen=True)
class Traits:
    is_newsletter: bool
    is_automatic: bool  # nobody wrote it: no customer record is made of its author


def mail_traits(*, from_address="", list_id="", precedence="", auto_submitted="", return_path="", headers="") -> Traits:
    """Tell newsletters (RFC 2369, RFC 2919, RFC 8058) and automatic mail (RFC 3834) apart.

    A discussion list has List-Id and List-Post; a newsletter has List-Unsubscribe and cannot be
    posted to.
    """
    text = "\n" + (headers or "").lower()
    unsubscribe = "\nlist-unsubscribe:" in text
    discussion = "\nlist-post:" in text and "\nlist-post: no" not in text
    bulk = (precedence or "").strip().lower() in ("bulk", "list", "junk")
    campaign = bool(_CAMPAIGN.search(text))
    newsletter = not discussion and (unsubscribe or (campaign and bulk))
    automatic = (
        (auto_submitted or "no").strip().lower().split(";")[0] != "no"
        or (return_path or "").strip() == "<>"
        or (from_address or "").lower().startswith(_NO_REPLY)
    )
    return Traits(newsletter, newsletter or bulk or automatic or bool((list_id or "").strip()))
