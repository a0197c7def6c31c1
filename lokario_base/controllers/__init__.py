from . import deletion
