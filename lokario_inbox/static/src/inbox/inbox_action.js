import { Component, onWillStart, onWillUnmount, useEffect, useState } from "@odoo/owl";
import { useHotkey } from "@web/core/hotkeys/hotkey_hook";
import { useService } from "@web/core/utils/hooks";
import { registry } from "@web/core/registry";
import { user } from "@web/core/user";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";
import { useDebounced } from "@web/core/utils/timing";
import { ConversationList } from "./conversation_list";
import { InboxStore } from "./inbox_store";
import { Reader } from "./reader";
import { ShortcutHelp } from "./shortcut_help";
import { Sidebar } from "./sidebar";

const PROGRESS_DELAY = 3000; // ms between two checks of a first synchronisation under way

export class InboxAction extends Component {
    static template = "lokario_inbox.InboxAction";
    static components = { ConversationList, Reader, Sidebar };
    static props = { ...standardActionServiceProps };
    static path = "inbox";

    setup() {
        this.dialog = useService("dialog");
        this.busService = useService("bus_service");
        this.store = useState(
            InboxStore.create({
                orm: useService("orm"),
                action: useService("action"),
                notification: useService("notification"),
            })
        );
        this.refresh = useDebounced(() => this.store.refresh(), 400);
        this.onChanged = () => this.refresh();
        this.busService.subscribe("lokario_inbox/changed", this.onChanged);
        this.busService.forceUpdateChannels();
        onWillStart(() => this.start());
        onWillUnmount(() => {
            this.busService.unsubscribe("lokario_inbox/changed", this.onChanged);
            clearInterval(this.progressTimer);
        });
        useEffect(
            (running) => this.watchProgress(running),
            () => [this.isFirstSyncRunning]
        );
        this.registerShortcuts();
    }

    async start() {
        const params = this.props.action.params || {};
        if (params.integration_id) {
            this.store.filter.integration_id = params.integration_id;
        }
        await Promise.all([this.store.loadSidebar(), this.store.loadList()]);
        if (params.conversation_id) {
            await this.store.open(params.conversation_id);
        }
    }

    get isFirstSyncRunning() {
        return this.store.sidebar.mailboxes.some(
            (box) => box.state === "connected" && box.progress < 100
        );
    }

    watchProgress(running) {
        clearInterval(this.progressTimer);
        if (running) {
            this.progressTimer = setInterval(() => this.store.refresh(), PROGRESS_DELAY);
        }
    }

    /** One key each, by Odoo's own service; never while an answer is being written, wherever the focus is. */
    registerShortcuts() {
        const store = this.store;
        const shortcuts = {
            j: () => store.step(1),
            arrowdown: () => store.step(1),
            k: () => store.step(-1),
            arrowup: () => store.step(-1),
            x: () => store.activeId && store.toggle(store.activeId),
            e: () => store.setState("archived"),
            d: () => store.setState("resolved"),
            o: () => store.setState("in_progress"),
            s: () => store.setState("spam"),
            m: () => store.update(store.targetIds, { user_id: user.userId }),
            u: () => store.markRead(store.targetIds, false),
            z: () => store.snoozeDays(1),
            i: () =>
                store.conversation &&
                store.update([store.activeId], { is_urgent: !store.conversation.is_urgent }),
            escape: () => store.close(),
            h: () => this.dialog.add(ShortcutHelp, {}),
            f: () => document.querySelector(".lokario_inbox_search input")?.focus(),
            n: () => document.querySelector(".lokario_note_input")?.focus(),
        };
        for (const [key, run] of Object.entries(shortcuts)) {
            useHotkey(key, run, { isAvailable: () => !store.composing });
        }
    }
}

registry.category("actions").add("lokario_inbox.inbox", InboxAction);
