from . import contact
from . import deletion
from . import signup
