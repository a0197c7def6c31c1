"""After a UIDVALIDITY change: which known message is which new UID, by what both sides still share."""

from collections import defaultdict


def match_renumbered(known, rows):
    """Pair stored messages with the folder's new UIDs.

    ``known``: (message id, Message-ID, size, date); ``rows``: (uid, Message-ID, size, date, flags).
    Returns ({uid: (message id, flags)}, [uids without a certain match]). Only a combination that
    is unique on both sides is certain; the rest is downloaded and matched by content.
    """
    by_key = defaultdict(list)
    for message_id, *key in known:
        by_key[tuple(key)].append(message_id)
    wanted = defaultdict(list)
    for uid, header, size, date, flags in rows:
        wanted[header, size, date].append((uid, flags))
    matched, open_uids = {}, []
    for key, found in wanted.items():
        candidates = by_key.get(key, ())
        if key[0] and len(found) == len(candidates) == 1:
            uid, flags = found[0]
            matched[uid] = (candidates[0], flags)
        else:
            open_uids.extend(uid for uid, _flags in found)
    return matched, sorted(open_uids, reverse=True)


def compare(stored, sizes):
    """Audit one folder: ``stored`` {uid: sizes that are right}, ``sizes`` {uid: server's size}.

    Returns (uids to fetch again, uids that are gone). 0 means that the server named no size.
    """
    wrong = [
        uid
        for uid, size in sizes.items()
        if uid not in stored or (size and stored[uid] is not None and size not in stored[uid])
    ]
    gone = [uid for uid in stored if uid not in sizes and stored[uid] is not None]
    return wrong, gone
