"""Words and figures shared by the models, the API and the tools of the engine."""

IP_STATUSES = [
    ("provisioning", "Provisioning"),
    ("warming", "Warming"),
    ("active", "Active"),
    ("held", "Held"),
    ("paused", "Paused"),
    ("quarantined", "Quarantined"),
    ("retired", "Retired"),
]
SENDING_STATUSES = ("warming", "active")
BOARD_STATUSES = ("provisioning", "warming", "active", "paused")  # columns of the warm-up board, also empty
LIVE_STATUSES = ("warming", "active", "held", "paused")

RESERVATION_SECONDS = 900  # how long a silent worker keeps what it reserved
MAX_INT = 2**31 - 1  # PostgreSQL integer: ids and counters
