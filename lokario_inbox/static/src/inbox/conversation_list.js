import { Component, useEffect, useRef, useState } from "@odoo/owl";
import { Dropdown } from "@web/core/dropdown/dropdown";
import { DropdownItem } from "@web/core/dropdown/dropdown_item";
import { _t } from "@web/core/l10n/translation";
import { useService } from "@web/core/utils/hooks";
import { useDebounced } from "@web/core/utils/timing";
import { authorName, initials, personColor, shortDate, stateLabels } from "./formats";
import { ShortcutHelp } from "./shortcut_help";

export class ConversationList extends Component {
    static template = "lokario_inbox.ConversationList";
    static components = { Dropdown, DropdownItem };
    static props = { store: Object };

    setup() {
        this.store = useState(this.props.store);
        this.dialog = useService("dialog");
        this.scrollRef = useRef("scroll");
        this.search = useDebounced((text) => this.store.setFilter({ search: text }), 250);
        Object.assign(this, { authorName, initials, personColor, shortDate });
        this.states = stateLabels();
        useEffect(
            () => {
                this.scrollRef.el
                    ?.querySelector(".lokario_row.active")
                    ?.scrollIntoView({ block: "nearest" });
            },
            () => [this.store.activeId]
        );
    }

    get title() {
        const { view, category_id, tag_id, integration_id } = this.store.filter;
        const { categories, tags, mailboxes } = this.store.sidebar;
        const named =
            categories.find((c) => c.id === category_id) ||
            tags.find((t) => t.id === tag_id) ||
            mailboxes.find((m) => m.id === integration_id);
        const titles = {
            inbox: _t("Inbox"),
            unread: _t("Unread"),
            mine: _t("Assigned to me"),
            unassigned: _t("Unassigned"),
            urgent: _t("Urgent"),
            snoozed: _t("Snoozed"),
            sent: _t("Sent"),
            newsletters: _t("Newsletters"),
            resolved: _t("Resolved"),
            archived: _t("Archived"),
            spam: _t("Spam"),
            all: _t("All mail"),
        };
        return named ? named.name : titles[view];
    }

    get isEmpty() {
        return this.store.ready && !this.store.loading && !this.store.records.length;
    }

    get emptyText() {
        if (!this.store.sidebar.mailboxes.length) {
            return _t("Connect your first mailbox: its mail appears here within minutes.");
        }
        if (this.store.filter.search) {
            return _t("Nothing matches. Try fewer words, or search in “All mail”.");
        }
        const { integration_id } = this.store.filter;
        const shown = this.store.sidebar.mailboxes.filter(
            (box) => !integration_id || box.id === integration_id
        );
        const silent = shown.filter((box) => box.problem);
        return silent.length
            ? _t(
                  "Nothing here, but mail may be missing: %s cannot be read at the moment.",
                  silent.map((box) => box.name).join(", ")
              )
            : _t("All done here. Enjoy the quiet.");
    }

    get allSelected() {
        const { records, selected } = this.store;
        return records.length > 0 && records.every((record) => selected[record.id]);
    }

    tagsOf(record) {
        return this.store.sidebar.tags.filter((tag) => record.tag_ids.includes(tag.id));
    }

    /** Enter opens the row that has the focus; in its box it is the box's. */
    onRowKey(ev, record) {
        if (ev.key === "Enter" && ev.target === ev.currentTarget) {
            this.store.open(record.id);
        }
    }

    onScroll(ev) {
        const { scrollTop, scrollHeight, clientHeight } = ev.target;
        if (scrollHeight - scrollTop - clientHeight < 600) {
            this.store.loadMore();
        }
    }

    help() {
        this.dialog.add(ShortcutHelp, {});
    }
}
