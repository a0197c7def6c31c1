import { registry } from "@web/core/registry";
import { SelectionField, selectionField } from "@web/views/fields/selection/selection_field";

/** A selection that offers only the intervals named in the record's `endpoint_intervals`. */
export class IntervalField extends SelectionField {
    get options() {
        const allowed = (this.props.record.data.endpoint_intervals || "")
            .split(",")
            .map((text) => text.trim());
        return super.options.filter(([value]) => allowed.includes(value));
    }
}

registry.category("fields").add("lokario_interval", {
    ...selectionField,
    component: IntervalField,
    fieldDependencies: [{ name: "endpoint_intervals", type: "char" }],
});
