from . import deletion
from . import signup
