from . import inbox_integration
from . import inbox_folder
from . import inbox_conversation
from . import inbox_message
from . import inbox_placement
from . import inbox_attachment
from . import inbox_quarantine
