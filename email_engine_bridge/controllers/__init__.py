from . import api_dispatcher
from . import engagement
from . import pmta_pull
