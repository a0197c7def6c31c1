from . import test_contacts
from . import test_preferences_page
from . import test_read_receipts
from . import test_reminders
