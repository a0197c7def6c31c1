"""After a UIDVALIDITY change: which known message is which new UID, by what both sides still share."""

from collections import defaultdict


def match_renumbered(known, rows):
    """Pair stored messages with the folder's new UIDs.

    ``known``: (message id, server ref, Message-ID, size, date); ``rows``: (uid, Message-ID, size, date, flags, server
    id). Returns ({uid: (message id, flags)}, [uids without a certain match]). The server's own name of a content is
    certain, and so is a combination that is unique on both sides; the rest is downloaded and matched by content.
    """
    by_server, by_key = {}, defaultdict(list)
    for message_id, server_ref, *key in known:
        by_server[server_ref, key[1]] = message_id
        by_key[tuple(key)].append(message_id)
    matched, open_uids, wanted = {}, [], defaultdict(list)
    for uid, header, size, date, flags, server_ref in rows:
        if server_ref and (server_ref, size) in by_server:
            matched[uid] = (by_server[server_ref, size], flags)
        else:
            wanted[header, size, date].append((uid, flags))
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
