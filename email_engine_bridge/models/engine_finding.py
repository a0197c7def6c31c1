from babel.numbers import format_percent
from odoo import api, models
from odoo.tools import babel_locale_parse
from odoo.tools.translate import LazyTranslate

_lt = LazyTranslate(__name__)

TEXTS = {
    "dns_verified": _lt("DNS is verified: PTR, SPF, DKIM and DMARC are right."),
    "dns_no_answer": _lt("No answer about %(name)s (%(error)s)."),
    "spf_missing": _lt("There is no SPF record."),
    "spf_broken": _lt("SPF is broken: %(why)s"),
    "spf_not_passed": _lt("SPF says %(result)s for an address that sends."),
    "spf_allows_all": _lt("SPF allows the whole internet (+all)."),
    "spf_uses_ptr": _lt("SPF uses ptr, which RFC 7208 advises against."),
    "spf_passes": _lt("SPF passes with %(lookups)s of 10 lookups."),
    "spf_several": _lt("%(domain)s has %(count)s SPF records, one is allowed."),
    "spf_target_missing": _lt("%(term)s has no SPF record."),
    "spf_many_lookups": _lt("more than %(most)s DNS lookups."),
    "spf_many_voids": _lt("more than %(most)s lookups found nothing."),
    "spf_many_hosts": _lt("an mx leads to more than %(most)s hosts."),
    "spf_unknown_term": _lt("%(term)s is not known."),
    "spf_modifier_twice": _lt("%(term)s stands twice."),
    "spf_not_a_name": _lt("%(term)s is no name of a domain."),
    "spf_no_argument": _lt("%(term)s: something must follow the colon."),
    "spf_not_a_network": _lt("%(term)s: not an IPv%(version)s network."),
    "spf_prefix_length": _lt("%(term)s: bad prefix length."),
    "spf_macro": _lt("%(term)s: a macro is wrong."),
    "dkim_missing": _lt("No key is published at %(name)s."),
    "dkim_several": _lt("%(name)s has %(count)s records, one is allowed."),
    "dkim_no_key": _lt("This is no DKIM key."),
    "dkim_revoked": _lt("The key is revoked (p= is empty)."),
    "dkim_other_key": _lt("Another key is published than the one that signs."),
    "dkim_other_hash": _lt("The key allows only %(hashes)s: receivers refuse signatures by rsa-sha256."),
    "dkim_other_service": _lt("The key is for %(service)s only, not for e-mail."),
    "tag_twice": _lt("The tag %(tag)s stands twice: receivers ignore the record."),
    "dmarc_wrong_value": _lt("%(tag)s=%(value)s is not allowed."),
    "dmarc_reports_refused": _lt(
        "Reports to %(address)s are not sent: its domain does not say that it takes them (_report._dmarc)."
    ),
    "dmarc_no_report_address": _lt("Reports do not arrive: %(address)s is no mailto: address."),
    "dkim_test": _lt("The key is marked as a test (t=y)."),
    "dkim_right": _lt("The published key is the one that signs."),
    "dkim_none_signs": _lt("No DKIM key signs for this domain."),
    "dmarc_missing": _lt("There is no DMARC record."),
    "dmarc_several": _lt("%(name)s has %(count)s DMARC records: none counts."),
    "dmarc_unreadable": _lt("The DMARC policy cannot be read."),
    "dmarc_no_policy": _lt("The DMARC record has no policy (p=)."),
    "dmarc_not_aligned": _lt("Signatures of %(domain)s are not aligned."),
    "dmarc_right": _lt("DMARC applies from %(name)s with p=%(policy)s."),
    "ptr_missing": _lt("%(address)s has no name (PTR); ask the IP's provider."),
    "ptr_other_name": _lt("The name of %(address)s is not the HELO name %(hostname)s."),
    "ptr_no_way_back": _lt("%(hostname)s does not lead back to %(address)s."),
    "ptr_right": _lt("%(address)s and %(hostname)s name each other."),
    "blocklist_none": _lt("%(address)s is on none of %(lists)s blocklists."),
    "blocklist_names": _lt("%(list)s lists %(address)s: %(why)s"),
    "blocklist_refuses": _lt(
        "%(list)s gives no true answer to this name server: use a name server of your own, or a key of the list."
    ),
    "blocklist_dead": _lt("%(list)s lists every address: it is closed. Take it out of the settings."),
    "mx_missing": _lt("There is no MX: answers to this domain are lost."),
    "mx_null": _lt("This domain takes no mail at all (null MX)."),
    "mx_dead": _lt("%(host)s has no address."),
    "mx_right": _lt("Mail to this domain has somewhere to go."),
    "mta_sts_missing": _lt("No MTA-STS: mail to this domain may travel unencrypted."),
    "mta_sts_wrong": _lt("MTA-STS: one record with an id is expected."),
    "mta_sts_announced": _lt("MTA-STS is announced; its policy file was not read."),
    "mta_sts_unreachable": _lt("MTA-STS is announced, but its policy cannot be fetched from %(host)s (%(error)s)."),
    "mta_sts_unreadable": _lt("What %(host)s serves is no MTA-STS policy."),
    "mta_sts_off": _lt("The MTA-STS policy says none: it protects nothing."),
    "mta_sts_not_covered": _lt("The MTA-STS policy does not name the MX %(host)s."),
    "mta_sts_right": _lt("The MTA-STS policy (%(mode)s) names every MX."),
    "tls_rpt_missing": _lt("No TLS reports are asked for."),
    "tls_rpt_wrong": _lt("TLS-RPT: one record with rua=mailto: or https:// is expected."),
    "tls_rpt_right": _lt("TLS reports are asked for."),
    "bimi_missing": _lt("No logo (BIMI) is published."),
    "bimi_wrong": _lt("BIMI: l= must be the https address of an SVG."),
    "bimi_needs_dmarc": _lt("BIMI needs a DMARC policy of quarantine or reject."),
    "bimi_right": _lt("A logo is published."),
    "healthy": _lt("Bounces and complaints are within the limits."),
    "sends_unrecorded": _lt(
        "%(hits)s bounces or complaints in 7 days, but only %(mails)s recorded mails: mail leaves this IP that is not"
        " counted. Have PowerMTA's accounting records delivered here."
    ),
    "bounces_of_week": _lt(
        "%(hits)s bounces in %(mails)s mails of 7 days (%(rate)s): at least %(at_least)s with confidence,"
        " above %(limit)s."
    ),
    "bounces_of_day": _lt(
        "%(hits)s bounces in %(mails)s mails of 24 hours (%(rate)s): at least %(at_least)s with confidence,"
        " above %(limit)s."
    ),
    "complaints_of_week": _lt(
        "%(hits)s complaints in %(mails)s mails of 7 days (%(rate)s): at least %(at_least)s with confidence,"
        " above %(limit)s."
    ),
    "complaints_of_day": _lt(
        "%(hits)s complaints in %(mails)s mails of 24 hours (%(rate)s): at least %(at_least)s with confidence,"
        " above %(limit)s."
    ),
    "pause_day": _lt("Day %(day)s of %(days)s of the pause."),
    "probation_begins": _lt("Paused for %(days)s days: may try at a low rate."),
    "probation_day": _lt("Day %(day)s of %(days)s of the probation."),
    "day_unhealthy": _lt("The day does not count: bounces or complaints were too high."),
    "day_unused": _lt("The day does not count: %(sent)s of %(quota)s sent, %(share)s needed."),
    "warmup_over": _lt("The warm-up is over."),
    "idle": _lt("Idle for %(days)s day(s)."),
    "stepped_back": _lt("Idle for %(days)s days: back to %(phase)s."),
    "counted": _lt("Day %(day)s of %(days)s of %(phase)s."),
    "activated": _lt("%(phase)s is done: active at %(quota)s a day."),
    "advanced": _lt("%(phase)s is done: %(next)s, %(quota)s a day."),
    "no_hostname": _lt("%(field)s: give a host name such as mail1.example.com, not “%(value)s”."),
    "no_name": _lt("%(field)s: use lower case letters, digits, dots and dashes, not “%(value)s”."),
    "no_macro_name": _lt("%(field)s: use lower case letters and digits only, not “%(value)s”."),
    "no_selector": _lt("%(field)s: give a DKIM selector such as default, not “%(value)s”."),
    "no_path": _lt("%(field)s: give an absolute path of letters, digits and . _ -, not “%(value)s”."),
    "no_email": _lt("%(field)s: give an e-mail address, not “%(value)s”."),
    "no_http_url": _lt("%(field)s: give an http(s) address without user, query or fragment, not “%(value)s”."),
    "no_rate": _lt("%(field)s: give a rate such as 50/d, not “%(value)s”."),
    "no_time": _lt("%(field)s: give a time such as 10m, not “%(value)s”."),
    "no_address": _lt("%(field)s: give an IP address, not “%(value)s”."),
    "no_source_address": _lt("%(field)s: give an IP address that mail can leave from, not “%(value)s”."),
    "no_network": _lt("%(field)s: give an address or a network such as 10.0.0.0/24, not “%(value)s”."),
    "whole_internet": _lt("%(field)s: give less than the whole internet, not “%(value)s”."),
    "no_number": _lt("%(field)s: give a number from %(low)s to %(high)s, not “%(value)s”."),
    "no_domain": _lt("%(field)s: give at least one domain."),
    "no_source": _lt("%(field)s: give at least one address that may hand over mail."),
    "pool_twice": _lt("%(field)s: two tenants have the same name here: %(value)s."),
    "name_used": _lt("%(field)s: “%(value)s” is used already."),
    "address_used": _lt("%(field)s: %(value)s is used already."),
}
# What the fields of a refused value are called on the screen: `server.spool` is a field of this model.
OWNERS = {
    "dkim": "engine.dkim.key",
    "domain": "engine.domain",
    "ip": "engine.ip",
    "provider": "engine.provider",
    "server": "engine.powermta.server",
    "tenant": "engine.tenant",
    "throttle": "engine.throttle",
}


class EngineFinding(models.AbstractModel):
    """Says what the tools found (see `tools.finding`) in the reader's language."""

    _name = "engine.finding"
    _description = "Finding"

    @api.model
    def _say(self, finding):
        """Return the sentence of a finding; a person's text, or nothing, is returned as they are."""
        if not finding or isinstance(finding, str):
            return finding
        values = {name: self._say_value(value) for name, value in finding.items()}
        text = TEXTS[finding["code"]]
        words = self.env._(text)
        return words % values

    @api.model
    def _say_error(self, error):
        """Return the sentence of an error of the tools (EngineError)."""
        return self.env._(error.text, **error.values)

    @api.model
    def _say_refusal(self, error):
        """Return the sentence about a value that may not stand in a configuration (ConfigValueError)."""
        owner, _dot, name = error.field.partition(".")
        field = self.env[OWNERS[owner]]._fields.get(name)
        label = field._description_string(self.env) if field else error.field
        return self._say({**error.finding, "field": label})

    @api.model
    def _say_value(self, value):
        if isinstance(value, dict):
            return self._say(value)
        if isinstance(value, float):
            locale = babel_locale_parse(self.env.lang or "en_US")
            return format_percent(round(value, 4), locale=locale, decimal_quantization=False)
        return value
