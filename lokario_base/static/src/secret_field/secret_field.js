import { Component } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";

const STATUS = ["set", "not set"];

/** A secret can be typed and cleared; what is stored never comes back, only whether there is something. */
export class SecretField extends Component {
    static template = "lokario_base.SecretField";
    static props = { ...standardFieldProps };

    get stored() {
        return this.props.record.data[this.props.name];
    }

    get isSet() {
        return Boolean(this.stored) && this.stored !== "not set";
    }

    get typed() {
        return STATUS.includes(this.stored) ? "" : this.stored || "";
    }

    get status() {
        return this.isSet ? _t("Stored, encrypted") : _t("Not set");
    }

    onChange(ev) {
        if (ev.target.value) {
            this.props.record.update({ [this.props.name]: ev.target.value });
        }
    }

    onClear() {
        this.props.record.update({ [this.props.name]: false });
    }
}

registry.category("fields").add("lokario_secret", {
    component: SecretField,
    displayName: _t("Secret"),
    supportedTypes: ["char"],
});
