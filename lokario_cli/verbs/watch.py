"""Lines to the mailboxes, beside the server: docs/inbox_sync.md, "Mail that is there when it arrives"."""

HELP = "keep lines open to the mailboxes (`./lokario watch -c odoo.conf`), so that new mail is there when it arrives"
NEEDS = {"python"}
PASS_THROUGH = True


def run(args):
    from ..odoo_process import WATCH
    from . import odoo

    args.arguments[:0] = WATCH
    odoo.run(args)
