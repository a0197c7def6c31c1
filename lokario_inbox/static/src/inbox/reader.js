import { Component, markup, useEffect, useRef, useState } from "@odoo/owl";
import { ConfirmationDialog } from "@web/core/confirmation_dialog/confirmation_dialog";
import { Dropdown } from "@web/core/dropdown/dropdown";
import { DropdownItem } from "@web/core/dropdown/dropdown_item";
import { _t } from "@web/core/l10n/translation";
import { user } from "@web/core/user";
import { useService } from "@web/core/utils/hooks";
import { CustomerPanel } from "./customer_panel";
import { longDate, stateLabels } from "./formats";
import { MailCard } from "./mail_card";
import { readerPanels } from "./reader_panels";

export class Reader extends Component {
    static template = "lokario_inbox.Reader";
    static components = { CustomerPanel, Dropdown, DropdownItem, MailCard };
    static props = { store: Object };

    setup() {
        this.store = useState(this.props.store);
        this.dialog = useService("dialog");
        this.action = useService("action");
        this.state = useState({ notes: {} }); // what is being written, by conversation
        this.scrollRef = useRef("scroll");
        this.longDate = longDate;
        this.states = stateLabels();
        useEffect(
            () => this.scrollToLatest(),
            () => [this.store.conversation?.id]
        );
    }

    get conversation() {
        return this.store.conversation;
    }

    get timeline() {
        const { messages, notes } = this.conversation;
        return [
            ...messages.map((message) => ({
                kind: "mail",
                key: `m${message.id}`,
                date: message.date,
                message,
            })),
            ...notes.map((note) => ({ kind: "note", key: `n${note.id}`, date: note.date, note })),
        ].sort((a, b) => (a.date < b.date ? -1 : a.date > b.date ? 1 : 0));
    }

    /** Notes are sanitised by the server, as in every chatter. */
    noteBody(note) {
        return markup(note.body);
    }

    get stateLabel() {
        return this.states[this.conversation.state];
    }

    get tags() {
        return this.store.sidebar.tags.filter((tag) => this.conversation.tag_ids.includes(tag.id));
    }

    panels(position) {
        return readerPanels
            .getEntries()
            .map(([key, panel]) => ({ key, ...panel }))
            .filter((panel) => (panel.position || "bottom") === position);
    }

    isLast(message) {
        const { messages } = this.conversation;
        return messages[messages.length - 1].id === message.id;
    }

    scrollToLatest() {
        const cards = this.scrollRef.el?.querySelectorAll(".lokario_mail");
        if (cards?.length) {
            cards[cards.length - 1].scrollIntoView({ block: "start" });
        }
    }

    assignToMe() {
        return this.store.update([this.conversation.id], { user_id: user.userId });
    }

    toggleTag(tag) {
        const has = this.conversation.tag_ids.includes(tag.id);
        return this.store.update(
            [this.conversation.id],
            {},
            has ? { remove_tag: tag.id } : { add_tag: tag.id }
        );
    }

    async addNote() {
        const { id } = this.conversation;
        const note = this.state.notes[id];
        this.state.notes[id] = ""; // who goes on writing loses nothing
        try {
            await this.store.addNote(id, note);
        } catch (error) {
            this.state.notes[id] = `${note}${this.state.notes[id]}`;
            throw error;
        }
    }

    link() {
        return this.action.doAction("lokario_inbox.inbox_link_wizard_action", {
            additionalContext: { default_conversation_id: this.conversation.id },
            onClose: () => this.store.reopen(),
        });
    }

    openLink(link) {
        return this.action.doAction({
            type: "ir.actions.act_window",
            res_model: link.res_model,
            res_id: link.res_id,
            views: [[false, "form"]],
        });
    }

    openForm() {
        return this.action.doAction({
            type: "ir.actions.act_window",
            res_model: "inbox.conversation",
            res_id: this.conversation.id,
            views: [[false, "form"]],
        });
    }

    joinClaimed() {
        this.dialog.add(ConfirmationDialog, {
            title: _t("Join the quoted conversation?"),
            body: _t(
                "The author takes no part in that conversation. Join them only if you know who wrote this."
            ),
            confirm: async () => {
                const id = await this.store.run("action_join_suspected");
                await this.store.loadList({ keep: true });
                await this.store.open(id);
            },
            cancel: () => {},
        });
    }
}
