from . import models, wizards
from .hooks import give_everybody_the_role, take_over_from_inbox
