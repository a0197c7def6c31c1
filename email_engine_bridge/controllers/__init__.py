from . import api_dispatcher
from . import pmta_pull
