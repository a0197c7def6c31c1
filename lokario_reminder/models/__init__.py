from . import due_notice
