import { reactive } from "@odoo/owl";
import { serializeDateTime } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";
import { Mutex } from "@web/core/utils/concurrency";

const { DateTime } = luxon;
const MODEL = "inbox.conversation";
const PAGE = 50;

/** State of the three panes and every call they make; components only read it and call it. */
export class InboxStore {
    constructor({ orm, action, notification }) {
        this.orm = orm;
        this.action = action;
        this.notification = notification;
        this.sidebar = { views: {}, categories: [], tags: [], mailboxes: [], users: [] };
        this.filter = {
            view: "inbox",
            search: "",
            category_id: false,
            tag_id: false,
            integration_id: false,
        };
        this.records = [];
        this.hasMore = false;
        this.loading = true;
        this.ready = false;
        this.activeId = false;
        this.conversation = null;
        this.opening = false;
        this.selected = {};
        this.composing = false; // an answer is being written: no shortcut
        this.showCustomer = true;
        this.request = 0;
        this.epoch = 0;
        this.changes = new Mutex();
    }

    static create(services) {
        return reactive(new InboxStore(services));
    }

    call(method, args = [], kwargs = {}) {
        return this.orm.silent.call(MODEL, method, args, kwargs);
    }

    /** A call that changes something: what was asked for before it is out of date when it comes. One after the other,
     *  in the order of the user's gestures: a server with several workers would else let an "undo" overtake its change. */
    change(method, args, kwargs = {}) {
        this.epoch++;
        return this.changes.exec(async () => {
            const result = await this.call(method, args, kwargs);
            this.epoch++;
            return result;
        });
    }

    /** Ask until the answer is younger than the last change; null when `wanted` says that the answer is no longer wanted. */
    async ask(call, wanted = () => true) {
        for (;;) {
            const epoch = this.epoch;
            const answer = await call();
            if (!wanted()) {
                return null;
            }
            if (epoch === this.epoch) {
                return answer;
            }
        }
    }

    // --- panes ---

    async loadSidebar() {
        Object.assign(this.sidebar, await this.ask(() => this.call("inbox_sidebar")));
    }

    async loadList({ keep = false } = {}) {
        const request = ++this.request;
        this.loading = !keep;
        const limit = keep ? Math.min(Math.max(PAGE, this.records.length), 200) : PAGE;
        const page = await this.ask(
            () => this.call("inbox_list", [], { ...this.filter, offset: 0, limit }),
            () => request === this.request
        );
        if (!page) {
            return; // a newer request brings the list
        }
        this.records = page.records;
        this.hasMore = page.has_more;
        this.loading = false;
        this.ready = true;
    }

    async loadMore() {
        if (!this.hasMore || this.loading) {
            return;
        }
        const request = ++this.request;
        const page = await this.call("inbox_list", [], {
            ...this.filter,
            offset: this.records.length,
            limit: PAGE,
        });
        if (request === this.request) {
            const known = new Set(this.records.map((record) => record.id));
            this.records.push(...page.records.filter((record) => !known.has(record.id)));
            this.hasMore = page.has_more;
        }
    }

    async setFilter(changes) {
        const narrowed = { category_id: false, tag_id: false, integration_id: false };
        // Another folder is read whole: what was searched for elsewhere is forgotten.
        Object.assign(
            this.filter,
            "view" in changes ? { ...narrowed, search: "", ...changes } : changes
        );
        this.selected = {};
        await this.loadList();
    }

    async refresh() {
        await Promise.all([this.loadList({ keep: true }), this.loadSidebar()]);
        if (this.activeId) {
            await this.reopen();
        }
    }

    // --- reader ---

    async open(id) {
        this.activeId = id;
        this.opening = true;
        const conversation = await this.call("inbox_open", [[id]]);
        if (this.activeId !== id) {
            return;
        }
        this.conversation = conversation;
        this.opening = false;
        if (conversation.unread) {
            await this.markRead([id], true);
        }
    }

    async reopen() {
        const id = this.activeId;
        const fresh = await this.ask(
            () => this.call("inbox_open", [[id]]),
            () => this.activeId === id
        );
        if (fresh) {
            const bodies = Object.fromEntries(
                (this.conversation?.messages || []).map((m) => [m.id, m.body])
            );
            for (const message of fresh.messages) {
                message.body = message.body || bodies[message.id] || false;
            }
            this.conversation = fresh;
        }
    }

    close() {
        this.activeId = false;
        this.conversation = null;
    }

    async loadBody(message) {
        if (!message.body) {
            const bodies = await this.orm.silent.call("inbox.message", "inbox_bodies", [
                [message.id],
            ]);
            message.body = bodies[message.id];
        }
    }

    async loadWhole(message) {
        const bodies = await this.orm.call("inbox.message", "inbox_bodies", [[message.id], true]);
        message.body = bodies[message.id];
    }

    step(offset) {
        const index = this.records.findIndex((record) => record.id === this.activeId);
        const next = this.records[index < 0 ? 0 : index + offset];
        if (next) {
            this.open(next.id);
        }
    }

    // --- changes ---

    get targetIds() {
        const ids = this.selectedIds;
        return ids.length ? ids : this.activeId ? [this.activeId] : [];
    }

    get selectedIds() {
        return Object.keys(this.selected)
            .filter((id) => this.selected[id])
            .map(Number);
    }

    toggle(id) {
        this.selected[id] = !this.selected[id];
    }

    selectAll(checked) {
        this.selected = checked
            ? Object.fromEntries(this.records.map((record) => [record.id, true]))
            : {};
    }

    async update(ids, values, options = {}) {
        if (!ids.length) {
            return;
        }
        const rows = await this.change("inbox_update", [ids, values], options);
        this.apply(rows);
        if ("state" in values) {
            await this.leave(ids);
        }
        await this.loadSidebar();
    }

    async snooze(ids, until) {
        this.apply(
            await this.change("inbox_snooze", [ids, until ? serializeDateTime(until) : false])
        );
        await this.leave(ids);
        await this.loadSidebar();
    }

    async markRead(ids, read) {
        await this.change("action_mark_read", [ids], { read });
        for (const record of [...this.records, this.conversation || {}]) {
            if (ids.includes(record.id)) {
                record.unread = !read;
            }
        }
        await this.loadSidebar();
    }

    apply(rows) {
        const fresh = Object.fromEntries(rows.map((row) => [row.id, row]));
        for (const record of this.records) {
            Object.assign(record, fresh[record.id] || {});
        }
        if (this.conversation && fresh[this.conversation.id]) {
            Object.assign(this.conversation, fresh[this.conversation.id]);
        }
    }

    /** Conversations that left the view: the list closes the gap and the next one opens. */
    async leave(ids) {
        const index = this.records.findIndex((record) => record.id === this.activeId);
        await this.loadList({ keep: true });
        this.selected = {};
        if (
            ids.includes(this.activeId) &&
            !this.records.some((record) => record.id === this.activeId)
        ) {
            const next = this.records[Math.min(Math.max(index, 0), this.records.length - 1)];
            next ? await this.open(next.id) : this.close();
        }
    }

    setState(state) {
        const done = {
            archived: _t("Archived"),
            resolved: _t("Resolved"),
            spam: _t("Moved to spam"),
            in_progress: _t("Reopened"),
        };
        const ids = this.targetIds;
        if (ids.length) {
            this.offerUndo(done[state], ids);
        }
        return this.update(ids, { state });
    }

    /** Say what was done with conversations of the list, with a way back to the state that each of them had. */
    offerUndo(text, ids) {
        const before = {};
        for (const { id, state } of [
            ...this.records,
            ...(this.conversation ? [this.conversation] : []),
        ]) {
            if (ids.includes(id)) {
                before[id] = state;
            }
        }
        const close = this.notification.add(text, {
            type: "success",
            buttons: [
                {
                    name: _t("Undo"),
                    primary: true,
                    onClick: () => {
                        close();
                        return this.restoreStates(before);
                    },
                },
            ],
        });
    }

    async restoreStates(before) {
        for (const state of new Set(Object.values(before))) {
            const ids = Object.keys(before)
                .filter((id) => before[id] === state)
                .map(Number);
            await this.change("inbox_update", [ids, { state }]);
        }
        await this.refresh();
    }

    snoozeDays(days) {
        const until = DateTime.now()
            .plus({ days })
            .set({ hour: 8, minute: 0, second: 0, millisecond: 0 });
        return this.snooze(this.targetIds, until);
    }

    async addNote(id, body) {
        const notes = await this.change("inbox_note", [[id], body]);
        if (this.activeId === id && this.conversation) {
            this.conversation.notes = notes; // the one shown now: a refresh may have replaced it meanwhile
        }
    }

    async addToCalendar(message) {
        await this.action.doAction(
            await this.orm.call("inbox.message", "action_add_to_calendar", [[message.id]])
        );
    }

    async answerInvitation(message, answer) {
        await this.orm.call("inbox.message", "action_answer_invitation", [[message.id], answer]);
        await this.reopen();
    }

    async download(attachment) {
        await this.action.doAction(
            await this.orm.call("inbox.attachment", "action_download", [[attachment.id]])
        );
    }

    async run(method, ...args) {
        const action = await this.orm.call(MODEL, method, [[this.activeId], ...args]);
        if (action && action.type) {
            await this.action.doAction(action, { onClose: () => this.activeId && this.reopen() });
        }
        return action;
    }

    async synchronise(mailbox) {
        const action = await this.orm.call("inbox.integration", "action_sync", [[mailbox.id]]);
        if (action && action.type) {
            await this.action.doAction(action);
        } else {
            this.notification.add(_t("Synchronisation of %s started.", mailbox.name), {
                type: "info",
            });
        }
        await this.loadSidebar();
    }
}
