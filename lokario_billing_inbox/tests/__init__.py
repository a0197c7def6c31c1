from . import test_followup_sources
from . import test_journey
