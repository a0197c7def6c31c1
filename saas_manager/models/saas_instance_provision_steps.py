import base64
import dataclasses
from contextlib import ExitStack

from odoo import models
from odoo.tools.mail import email_normalize_all

from ..const import PROBE_TIMEOUT
from ..exceptions import DatabaseInTheWay, NotClean
from ..tools import admin_credentials, armer, customizer, neutralizer, scrubber
from ..tools.admin_credentials import Administrator, FreshPassword
from ..tools.customizer import Company


@dataclasses.dataclass
class Run:
    """What the steps of one provisioning hand to each other; lives in memory only."""

    postgres: object
    filestore: object
    mark: object
    password: FreshPassword
    stack: ExitStack
    connection: object = None
    warnings: list = dataclasses.field(default_factory=list)


class SaasInstance(models.Model):
    """The steps of a provisioning; ``const.PROVISIONING_STEPS`` has their order."""

    _inherit = "saas.instance"

    def _start_run(self, stack):
        return Run(
            postgres=self.server_id._get_postgres__(),
            filestore=self.server_id._get_filestore__(),
            mark=self.server_id._owner_mark(self.uuid),
            password=admin_credentials.RESERVE.take(),
            stack=stack,
        )

    def _clone_template_database(self, run):
        """Copy the sealed template, invisible to every web request and cron, and its files."""
        template = self.template_id
        self._set_deployed(True)  # the intent: from now on there may be a database of ours
        try:
            run.postgres.clone_hidden(template.template_db, self.database_name, run.mark)
        except DatabaseInTheWay:
            self._set_deployed(False)  # it is somebody else's, and stays
            raise
        self._copy_files(run)
        run.connection = run.stack.enter_context(run.postgres.session(self.database_name))

    def _neutralize_database(self, run):
        """Take out what is the template's and prove it; a production copy is else exactly the template."""
        connection, secret = run.connection, scrubber.current_secret(run.connection)
        if self.plan_id.purpose == "production":
            with armer.rehearsal(connection):
                self._neutralize(connection)
            armer.postpone_due_jobs(connection)
        else:
            self._neutralize(connection)
        removed = scrubber.scrub(connection)
        scrubber.verify(connection, secret)
        if removed:
            run.warnings.append(
                self.env._("Parameters of the template that looked secret were removed: %s", ", ".join(removed))
            )

    def _neutralize(self, connection):
        """Run every module's `neutralize.sql`; a failure that is not waived stops the provisioning."""
        waived = {name.strip() for name in (self.template_id.waived_modules or "").split(",")}
        failures = [failure for failure in neutralizer.neutralize(connection) if failure.module not in waived]
        if failures:
            raise NotClean("; ".join(f"{failure.module}: {failure.error}" for failure in failures))
        neutralizer.verify(connection)

    def _customize_instance(self, run):
        """Make the company the client's; its own address and outgoing server."""
        missing = customizer.write_company(run.connection, self._company_values())
        if missing:
            run.warnings.append(self.env._("The template does not offer: %s", ", ".join(missing)))
        image = self.partner_id.commercial_partner_id.image_1920
        if image:
            folder = self._files().path(self.database_name)
            customizer.write_logo(run.connection, base64.b64decode(image), folder)
        relay = self.plan_id._relay__()
        if relay:
            customizer.write_relay(run.connection, relay)
        elif self.plan_id.purpose == "production":
            run.warnings.append(
                self.env._("The plan has no outgoing mail server: this instance cannot send e-mail yet.")
            )

    def _company_values(self):
        partner = self.partner_id.commercial_partner_id
        return Company(
            name=partner.name or self.name,
            email=partner.email or self.partner_id.email,
            phone=partner.phone or "",
            vat=partner.vat or "",
            website=partner.website or "",
            street=partner.street or "",
            street2=partner.street2 or "",
            city=partner.city or "",
            zip=partner.zip or "",
            country_code=partner.country_id.code or "",
            state_code=partner.state_id.code or "",
            currency=partner.country_id.currency_id.name or self.company_id.currency_id.name,
            lang=self.partner_id.lang or "",
            tz=self.partner_id.tz or "",
        )

    def _create_client_admin(self, run):
        """Give the template's administrator the client's name, login and password."""
        partner = self.partner_id
        administrator = Administrator(
            login=self.admin_login,
            name=partner.name,
            email=(email_normalize_all(partner.email) or [partner.email])[0],
            lang=partner.lang or "",
            tz=partner.tz or "",
        )
        admin_credentials.write_administrator(run.connection, administrator, run.password.hash())

    def _configure_subdomain(self, run):
        """Publish: from here on the address leads to the instance."""
        customizer.write_address(run.connection, self.url)
        if self._is_isolated():
            self._hand_over(run)
        run.stack.close()  # commits what was done inside
        with self._own_transaction() as own:
            own._route_sudo().unlink()
            own.env["lokario.gate.route"].sudo().create(own._route_values())
        run.postgres.publish(self.database_name, run.mark)

    def _prove_instance(self, run):
        """Log in through the public name, open the web client, load an asset; leave no trace of it."""
        with self.server_id._get_probe__(self.host, timeout=PROBE_TIMEOUT) as probe:
            probe.prove(self.admin_login, run.password.text)
        with self._database_session() as connection:
            admin_credentials.forget_visits(connection)
