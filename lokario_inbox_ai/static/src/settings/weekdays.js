import { Component } from "@odoo/owl";
import { CheckBox } from "@web/core/checkbox/checkbox";
import { registry } from "@web/core/registry";
import { standardFieldProps } from "@web/views/fields/standard_field_props";

/** Days of the week, kept as digits (1 is Monday): a box with the name of each. */
export class Weekdays extends Component {
    static template = "lokario_inbox_ai.Weekdays";
    static components = { CheckBox };
    static props = { ...standardFieldProps };

    get days() {
        const digits = this.props.record.data[this.props.name] || "";
        return luxon.Info.weekdays("short").map((name, index) => ({
            name,
            digit: `${index + 1}`,
            chosen: digits.includes(index + 1),
        }));
    }

    choose(day, chosen) {
        const days = this.days.filter((each) => (each.digit === day.digit ? chosen : each.chosen));
        this.props.record.update({ [this.props.name]: days.map((each) => each.digit).join("") });
    }
}

registry
    .category("fields")
    .add("lokario_weekdays", { component: Weekdays, supportedTypes: ["char"] });
