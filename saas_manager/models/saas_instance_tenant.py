import os
import secrets

from odoo import fields, models

from odoo.addons.lokario_base.fields import Secret, get_vault

FIRST_UID = 300_000  # operating-system users of instances are this and the record's number
CONNECTIONS = 12  # of one instance's role


class SaasInstance(models.Model):
    """What an instance has of its own: PostgreSQL role, operating-system user, folder, process."""

    _inherit = "saas.instance"

    tenant_role = fields.Char("Database Role", readonly=True, copy=False)
    tenant_password = Secret("Password of its Database Role", groups="base.group_system")

    def _is_isolated(self):
        return bool(self.tenant_role)

    def _prepare_tenant(self):
        """Choose role and password with the request: the job, and whoever comes after a crash, find them."""
        if self.server_id.isolation == "process" and not self.tenant_role:
            role, password = f"tenant_{secrets.token_hex(6)}", secrets.token_urlsafe(32)
            self.sudo()._set_guarded(tenant_role=role, tenant_password=password)
            self.server_id._get_postgres__().close(self.env.cr.dbname)  # the manager's own stood open

    def _tenant_uid(self):
        return FIRST_UID + self.id if os.getuid() == 0 else 0

    def _files(self):
        """Where this instance's attachments lie."""
        return self.server_id._get_homes__() if self._is_isolated() else self.server_id._get_filestore__()

    def _copy_files(self, run):
        template = self.template_id.template_db
        if self._is_isolated():
            self._files().adopt(run.filestore.path(template), self.database_name)
        else:
            run.filestore.clone(template, self.database_name)

    def _hand_over(self, run):
        """The last thing the manager's role does inside: from here on everything there is the instance's own."""
        password = self.sudo()._reveal_secret__("tenant_password")
        run.postgres.create_role(self.database_name, self.tenant_role, password, CONNECTIONS)
        run.postgres.hand_over(run.connection, self.tenant_role)
        self._files().give(self.database_name, self._tenant_uid())

    def _tenant_postgres(self):
        """The PostgreSQL as this instance's own role sees it."""
        postgres = self.server_id._get_postgres__()
        if not self._is_isolated():
            return postgres
        return postgres.as_role(self.tenant_role, self.sudo()._reveal_secret__("tenant_password"))

    def _tenant_route_values(self):
        """What `lokario_host` needs to know to run the process."""
        if not self._is_isolated():
            return {}
        password = self.sudo()._reveal_secret__("tenant_password")
        return {
            "tenant_role": self.tenant_role,
            "tenant_secret": get_vault().seal(password, f"lokario.gate.route/{self.database_name}"),
            "tenant_uid": self._tenant_uid(),
            "idle_minutes": self.plan_id.idle_minutes,
            "modules": ",".join(self.template_id._module_list()),
        }
