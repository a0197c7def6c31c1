from . import engine_contact_import
from . import engine_campaign_try
