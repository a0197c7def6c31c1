import { Component } from "@odoo/owl";
import { useService } from "@web/core/utils/hooks";
import { initials, personColor, shortDate, stateLabels } from "./formats";
import { readerPanels } from "./reader_panels";

/** Who writes, what he has with us, and what he wrote before. */
export class CustomerPanel extends Component {
    static template = "lokario_inbox.CustomerPanel";
    static props = { store: Object, conversation: Object };

    setup() {
        this.action = useService("action");
        Object.assign(this, { initials, personColor, shortDate });
        this.states = stateLabels();
    }

    get customer() {
        return this.props.conversation.customer;
    }

    get name() {
        return this.customer.name || this.customer.email;
    }

    get panels() {
        return readerPanels
            .getEntries()
            .map(([key, panel]) => ({ key, ...panel }))
            .filter((panel) => panel.position === "side");
    }

    openPartner() {
        return this.action.doAction({
            type: "ir.actions.act_window",
            res_model: "res.partner",
            res_id: this.customer.id,
            views: [[false, "form"]],
        });
    }

    async createPartner() {
        await this.props.store.run("inbox_create_customer");
        await this.props.store.reopen();
    }
}
