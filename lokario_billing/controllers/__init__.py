from . import pay_all
from . import portal
from . import scheduled
from . import statement
