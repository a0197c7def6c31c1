from . import engine_template
from . import mailing_mailing
