from . import preferences
from . import receipts
