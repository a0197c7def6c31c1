from . import api_dispatcher
from . import engagement
