from . import test_contacts
from . import test_preferences_page
