from . import scheduled
