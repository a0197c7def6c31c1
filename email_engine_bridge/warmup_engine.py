"""The warm-up of the first engine, under its documented name.

engine = WarmupEngine(env)
engine.get_daily_quota(ip_id=1)   # 50 in the first week
engine.consolidate(ip_id=1)       # what the scheduled action does every hour for each IP
"""


class WarmupEngine:
    """A thin face of `engine.ip`; `db` is an Odoo environment."""

    def __init__(self, db):
        self.env = db

    def get_phase(self, ip_id):
        """Return week_1 … week_6 while the IP warms up, then active."""
        return self.env["engine.ip"].browse(ip_id).phase

    def get_daily_quota(self, ip_id):
        """Return how many mails the IP may send a day as things stand; 0 when it may not send."""
        return self.env["engine.ip"].browse(ip_id).daily_quota

    def consolidate(self, ip_id):
        """Count the days of the IP that ended, judge it, move it to its next stage or stop it."""
        self.env["engine.warmup"]._consolidate(self.env["engine.ip"].browse(ip_id))
