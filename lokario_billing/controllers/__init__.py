from . import scheduled
from . import statement
