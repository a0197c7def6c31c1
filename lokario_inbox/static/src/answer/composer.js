import { Component, onWillDestroy, onWillStart, useState } from "@odoo/owl";
import { MAIN_PLUGINS } from "@html_editor/plugin_sets";
import { Wysiwyg } from "@html_editor/wysiwyg";
import { Dropdown } from "@web/core/dropdown/dropdown";
import { DropdownItem } from "@web/core/dropdown/dropdown_item";
import { _t } from "@web/core/l10n/translation";
import { useService } from "@web/core/utils/hooks";
import { getDataURLFromFile } from "@web/core/utils/urls";

const MODEL = "inbox.outgoing";
const FIELDS = ["kind", "state", "email_to", "email_cc", "email_bcc", "subject", "body_html", "with_history", "with_signature", "attachment_ids", "is_ai", "parent_id"];
const PING = 15000; // milliseconds between two signs of life while writing

/** Writes one draft: saves as one types, warns of colleagues, sends or schedules. */
export class Composer extends Component {
    static template = "lokario_inbox.Composer";
    static components = { Dropdown, DropdownItem, Wysiwyg };
    static props = { store: Object, conversation: Object, draftId: Number, onDone: Function };

    setup() {
        this.orm = useService("orm");
        this.notification = useService("notification");
        this.state = useState({ draft: null, files: [], canned: [], collisions: { writing: [], answered_by: [] }, sendAt: "", busy: false, more: false });
        onWillStart(() => this.load());
        this.timer = setInterval(() => this.ping(), PING);
        onWillDestroy(() => clearInterval(this.timer));
    }

    async load() {
        const [draft] = await this.orm.read(MODEL, [this.props.draftId], FIELDS);
        this.state.draft = draft;
        this.state.more = Boolean(draft.email_cc || draft.email_bcc);
        this.config = { content: draft.body_html || "<p><br/></p>", Plugins: MAIN_PLUGINS, placeholder: _t("Write your answer…") };
        await Promise.all([this.loadFiles(), this.ping(), this.searchCanned("")]);
    }

    async loadFiles() {
        const [draft] = await this.orm.read(MODEL, [this.props.draftId], ["attachment_ids"]);
        this.state.files = draft.attachment_ids.length ? await this.orm.read("ir.attachment", draft.attachment_ids, ["name", "file_size"]) : [];
    }

    async ping() {
        const id = this.props.draftId;
        await this.orm.silent.call(MODEL, "action_ping", [[id]]);
        this.state.collisions = await this.orm.silent.call("inbox.conversation", "get_collisions", [[this.props.conversation.id], id]);
    }

    get values() {
        const { email_to, email_cc, email_bcc, subject, with_history, with_signature } = this.state.draft;
        return { email_to, email_cc, email_bcc, subject, with_history, with_signature, body_html: this.editor ? this.editor.getContent() : this.state.draft.body_html };
    }

    onLoad(editor) {
        this.editor = editor;
    }

    save() {
        return this.orm.write(MODEL, [this.props.draftId], this.values);
    }

    async run(action) {
        this.state.busy = true;
        try {
            await this.save();
            await action();
            this.props.onDone();
        } finally {
            this.state.busy = false;
        }
    }

    send() {
        return this.run(() => this.orm.call(MODEL, "action_send", [[this.props.draftId]]));
    }

    schedule() {
        const moment = luxon.DateTime.fromISO(this.state.sendAt).toUTC().toFormat("yyyy-MM-dd HH:mm:ss");
        return this.run(() => this.orm.call(MODEL, "action_schedule", [[this.props.draftId], moment]));
    }

    close() {
        return this.run(async () => {});
    }

    discard() {
        return this.run(() => this.orm.call(MODEL, "action_cancel", [[this.props.draftId]]));
    }

    async searchCanned(term) {
        this.state.canned = await this.orm.call("inbox.canned.answer", "search_for", [this.props.conversation.id, term]);
    }

    async insertCanned(answer) {
        const content = this.editor.getContent() + answer.body;
        this.editor.editable.innerHTML = content;
        this.editor.shared.history.addStep();
        await this.orm.call("inbox.canned.answer", "action_used", [[answer.id]]);
    }

    async addFiles(event) {
        for (const file of event.target.files) {
            const datas = (await getDataURLFromFile(file)).split(",")[1];
            const [id] = await this.orm.create("ir.attachment", [{ name: file.name, datas, res_model: MODEL, res_id: this.props.draftId }]);
            await this.orm.write(MODEL, [this.props.draftId], { attachment_ids: [[4, id]] });
        }
        event.target.value = "";
        await this.loadFiles();
    }

    async removeFile(file) {
        await this.orm.write(MODEL, [this.props.draftId], { attachment_ids: [[3, file.id]] });
        await this.loadFiles();
    }
}
