"""Private keys on their way to the MTA: a tar whose files only their owner may read."""

import io
import tarfile


def key_archive(files):
    """Return a tar of {path below /etc/pmta: PEM}; equal keys give equal bytes."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path, text in sorted(files.items()):
            content = text.encode()
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), 0o600
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
