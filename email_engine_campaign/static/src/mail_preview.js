import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";
import { Component, useState } from "@odoo/owl";

const DEVICES = [
    { name: "desktop", label: _t("Desktop"), icon: "fa-desktop" },
    { name: "phone", label: _t("Phone"), icon: "fa-mobile" },
    { name: "dark", label: _t("Dark"), icon: "fa-moon-o" },
];
// What mail programs do to messages that say nothing of dark screens: light and dark change places, pictures stay.
const DARKENED =
    "<style>html{background:#fff;filter:invert(1) hue-rotate(180deg)}img{filter:invert(1) hue-rotate(180deg)}</style>";

/** The HTML of a message in a frame without rights, as wide as the chosen device. */
export class MailPreview extends Component {
    static template = "email_engine_campaign.MailPreview";
    static props = standardFieldProps;

    setup() {
        this.devices = DEVICES;
        this.state = useState({ device: "desktop" });
    }

    get source() {
        const html = this.props.record.data[this.props.name] || "";
        const isDarkened = this.state.device === "dark" && !html.includes("prefers-color-scheme");
        return isDarkened ? html + DARKENED : html;
    }
}

registry
    .category("fields")
    .add("engine_mail_preview", { component: MailPreview, supportedTypes: ["text"] });
