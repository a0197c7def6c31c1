def migrate(cr, _version):
    """Install the campaigns, which moved into an addon of their own, where they were there before.

    That addon takes its records over when it is installed. Its view of tenants goes first: the views of this addon are
    checked before, without its fields.
    """
    cr.execute(
        """UPDATE ir_module_module SET state = 'to install'
            WHERE name = 'email_engine_campaign' AND state = 'uninstalled'"""
    )
    cr.execute(
        """UPDATE ir_model_data SET module = 'email_engine_campaign'
            WHERE module = 'email_engine_bridge' AND name = 'engine_tenant_view_form_sending'"""
    )
