from . import inbox_link_wizard
