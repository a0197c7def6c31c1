from . import engine_campaign_try
from . import engine_suppression_lift
