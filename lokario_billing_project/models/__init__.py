from . import followup
from . import project_task
