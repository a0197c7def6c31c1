from . import contact
from . import deletion
from . import export
from . import signup
