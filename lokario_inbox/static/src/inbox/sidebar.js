import { Component, useState } from "@odoo/owl";
import { _t } from "@web/core/l10n/translation";
import { useService } from "@web/core/utils/hooks";
import { shortDate } from "./formats";

export class Sidebar extends Component {
    static template = "lokario_inbox.Sidebar";
    static props = { store: Object };

    setup() {
        this.store = useState(this.props.store);
        this.action = useService("action");
        this.syncing = useState({});
        this.shortDate = shortDate;
        this.views = [
            { key: "inbox", icon: "fa-inbox", label: _t("Inbox") },
            { key: "unread", icon: "fa-envelope-o", label: _t("Unread") },
            { key: "mine", icon: "fa-user-o", label: _t("Assigned to me") },
            { key: "unassigned", icon: "fa-user-plus", label: _t("Unassigned") },
            { key: "urgent", icon: "fa-exclamation-circle", label: _t("Urgent") },
            { key: "snoozed", icon: "fa-clock-o", label: _t("Snoozed") },
            { key: "sent", icon: "fa-paper-plane-o", label: _t("Sent") },
            { key: "newsletters", icon: "fa-newspaper-o", label: _t("Newsletters") },
            { key: "resolved", icon: "fa-check-circle-o", label: _t("Resolved") },
            { key: "archived", icon: "fa-archive", label: _t("Archived") },
            { key: "spam", icon: "fa-ban", label: _t("Spam") },
            { key: "all", icon: "fa-folder-open-o", label: _t("All mail") },
        ];
    }

    count(key) {
        const count = this.store.sidebar.views[key] || 0;
        return count >= 1000 ? "999+" : count || "";
    }

    isView(key) {
        const { view, category_id, tag_id, integration_id } = this.store.filter;
        return view === key && !category_id && !tag_id && !integration_id;
    }

    problems(mailbox) {
        return [
            { text: mailbox.problem, detail: mailbox.problem_detail },
            { text: mailbox.hold, detail: mailbox.hold_detail },
        ].filter((problem) => problem.text);
    }

    async synchronise(mailbox) {
        this.syncing[mailbox.id] = true;
        try {
            await this.store.synchronise(mailbox);
        } finally {
            this.syncing[mailbox.id] = false;
        }
    }

    write() {
        this.action.doAction("lokario_inbox.inbox_outgoing_compose_action", {
            onClose: () => this.store.refresh(),
        });
    }

    addMailbox() {
        this.action.doAction({
            type: "ir.actions.act_window",
            res_model: "inbox.integration",
            views: [[false, "form"]],
        });
    }

    openHealth() {
        this.action.doAction("lokario_inbox.inbox_health_action");
    }

    addCategory() {
        this.action.doAction("lokario_inbox.inbox_category_action");
    }
}
