from . import controllers, models, wizards
from .hooks import give_everybody_the_role
