from . import test_ai_facts
