from . import pay_all
from . import scheduled
from . import statement
