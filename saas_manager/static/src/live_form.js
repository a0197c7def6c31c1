import { onWillUnmount } from "@odoo/owl";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { formView } from "@web/views/form/form_view";
import { FormController } from "@web/views/form/form_controller";

const RELOAD_DELAY = 80; // ms; several steps may end within one frame

/** A form that shows what the server does to its record while it does it. */
export class LiveFormController extends FormController {
    setup() {
        super.setup();
        const bus = useService("bus_service");
        const onProgress = ({ model, id }) => {
            if (model === this.props.resModel && id === this.model.root.resId) {
                clearTimeout(this.reloadTimer);
                this.reloadTimer = setTimeout(() => this.reloadUntouched(), RELOAD_DELAY);
            }
        };
        bus.subscribe("saas_manager/progress", onProgress);
        bus.start();
        onWillUnmount(() => {
            clearTimeout(this.reloadTimer);
            bus.unsubscribe("saas_manager/progress", onProgress);
        });
    }

    /** Never throw away what somebody is typing. */
    async reloadUntouched() {
        if (!(await this.model.root.isDirty())) {
            await this.model.root.load();
        }
    }
}

registry.category("views").add("saas_live_form", { ...formView, Controller: LiveFormController });
