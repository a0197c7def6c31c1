from . import api_dispatcher
