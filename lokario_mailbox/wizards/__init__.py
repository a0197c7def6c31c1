from . import inbox_connection_test
from . import inbox_take_over
