"""The quota calls of the first engine, under their documented names.

quota_checker = QuotaChecker(env)
available_ips = quota_checker.get_available_ips_for_sending(tenant_id=1, emails_to_send=100)
quota_checker.reserve_quota(ip_id, email_count)
"""


class QuotaChecker:
    """A thin face of `engine.quota`; `db` is an Odoo environment."""

    def __init__(self, db):
        self.env = db
        self.quota = db["engine.quota"]

    def get_available_ips_for_sending(self, tenant_id, emails_to_send):
        """Return the IPs that can take `emails_to_send` today, the one with most left first.

        `tenant_id` is an id, or a record, as `campaign.tenant_id` of the document's sample is here. When no
        single IP can, but all together can, the IPs to split over are returned. An empty list means: not today.
        """
        tenant = self.env["engine.tenant"].browse(getattr(tenant_id, "id", tenant_id))
        return self.quota._get_available_ips(tenant, emails_to_send)

    def reserve_quota(self, ip_id, email_count):
        """Reserve on one IP, all or nothing; return the lease (a token), or None."""
        ip = self.env["engine.ip"].browse(ip_id)
        grants = self.quota._reserve(ip.tenant_id, email_count, ips=ip)
        return grants[0]["reservation"] if grants else None

    def may_leave_now(self, ip_id, lease, email_count):
        """Return how many of a lease's mails may be handed over now: the day is spread over its hours.

        They count as having left. 0: ask again in the next hour.
        """
        return self.quota._consume_hourly_cap(self.env["engine.ip"].browse(ip_id), lease, email_count)

    def release_quota(self, lease):
        """Give back what is unused of a lease; return whether it was still open."""
        return self.quota._release(lease)

    def settle_quota(self, lease, sent):
        """Report `sent` mails of a lease and give back the rest."""
        return self.quota._settle(lease, sent)
