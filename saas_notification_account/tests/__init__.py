from . import test_unpaid
