import {
    Component,
    markup,
    onMounted,
    onWillDestroy,
    onWillStart,
    onWillUnmount,
    useRef,
    useState,
} from "@odoo/owl";
import { MAIN_PLUGINS } from "@html_editor/plugin_sets";
import { Wysiwyg } from "@html_editor/wysiwyg";
import { Dropdown } from "@web/core/dropdown/dropdown";
import { DropdownItem } from "@web/core/dropdown/dropdown_item";
import { useHotkey } from "@web/core/hotkeys/hotkey_hook";
import { _t } from "@web/core/l10n/translation";
import { Mutex } from "@web/core/utils/concurrency";
import { useService } from "@web/core/utils/hooks";
import { useDebounced } from "@web/core/utils/timing";
import { getDataURLFromFile } from "@web/core/utils/urls";
import { CannedAnswerPlugin } from "./canned_answer_plugin";

const MODEL = "inbox.outgoing";
const WRITTEN = [
    "email_to",
    "email_cc",
    "email_bcc",
    "subject",
    "with_history",
    "with_signature",
    "cancel_on_answer",
];
const PING = 15000; // milliseconds between two signs of life while writing
const PAUSE = 800; // milliseconds without a key after which the draft is saved
const saving = new Mutex(); // of all composers: a draft that is opened again waits for what was typed last

/** Writes one draft: saves as one types, warns of colleagues, sends or schedules. */
export class Composer extends Component {
    static template = "lokario_inbox.Composer";
    static components = { Dropdown, DropdownItem, Wysiwyg };
    static props = { store: Object, conversation: Object, draftId: Number, onDone: Function };

    setup() {
        this.orm = useService("orm");
        this.rootRef = useRef("root");
        this.saveSoon = useDebounced(() => this.isDone || this.save(), PAUSE, {
            execBeforeUnmount: true,
        });
        useHotkey("control+enter", () => this.send(), { bypassEditableProtection: true });
        this.state = useState({
            draft: null,
            files: [],
            canned: [],
            collisions: { writing: [], answered_by: [] },
            sendAt: "",
            busy: false,
            more: false,
        });
        onWillStart(() => this.load());
        onMounted(() => this.begin());
        onWillUnmount(() => (this.props.store.composing = false));
        this.timer = setInterval(() => this.ping(), PING);
        onWillDestroy(() => clearInterval(this.timer));
    }

    async load() {
        await saving.getUnlockedDef();
        const [draft] = await this.orm.read(MODEL, [this.props.draftId], [...WRITTEN, "body_html"]);
        this.state.more = Boolean(draft.email_cc || draft.email_bcc);
        await Promise.all([this.loadFiles(), this.ping(), this.loadCanned()]);
        this.config = {
            content: markup(draft.body_html || "<p><br/></p>"), // the field is sanitised
            Plugins: [...MAIN_PLUGINS, CannedAnswerPlugin],
            placeholder: _t("Write your answer…"),
            cannedAnswers: this.state.canned,
            onCannedAnswer: (answer) =>
                this.orm.call("inbox.canned.answer", "action_used", [[answer.id]]),
            onChange: () => this.saveSoon(),
        };
        this.state.draft = draft;
    }

    async loadFiles() {
        const [draft] = await this.orm.read(MODEL, [this.props.draftId], ["attachment_ids"]);
        this.state.files = draft.attachment_ids.length
            ? await this.orm.read("ir.attachment", draft.attachment_ids, ["name", "file_size"])
            : [];
    }

    async ping() {
        const id = this.props.draftId;
        await this.orm.silent.call(MODEL, "action_ping", [[id]]);
        this.state.collisions = await this.orm.silent.call("inbox.conversation", "get_collisions", [
            [this.props.conversation.id],
            id,
        ]);
    }

    get values() {
        const { draft } = this.state;
        const values = Object.fromEntries(WRITTEN.map((name) => [name, draft[name]]));
        return { ...values, body_html: this.editor ? this.editor.getContent() : draft.body_html };
    }

    onLoad(editor) {
        this.editor = editor;
    }

    /** What is typed from now on is the answer: it goes into the text, or first into who shall get it. */
    begin() {
        this.props.store.composing = true;
        this.rootRef.el.scrollIntoView({ block: "nearest" });
        if (this.state.draft.email_to) {
            this.editor.shared.selection.focusEditable();
        } else {
            this.rootRef.el.querySelector(".lokario_to").focus();
        }
    }

    /** One save after the other; the last one survives the composer, when the user opens another conversation. */
    save() {
        const values = this.values;
        return saving.exec(() =>
            this.env.services.orm.silent.write(MODEL, [this.props.draftId], values)
        );
    }

    async run(action) {
        if (this.state.busy) {
            return;
        }
        this.state.busy = true;
        this.isDone = true;
        try {
            await this.save();
            await action();
            this.props.onDone();
        } catch (error) {
            this.isDone = false;
            throw error;
        } finally {
            this.state.busy = false;
        }
    }

    send() {
        return this.run(() => this.orm.call(MODEL, "action_send", [[this.props.draftId]]));
    }

    schedule() {
        const moment = luxon.DateTime.fromISO(this.state.sendAt)
            .toUTC()
            .toFormat("yyyy-MM-dd HH:mm:ss");
        return this.run(() =>
            this.orm.call(MODEL, "action_schedule", [[this.props.draftId], moment])
        );
    }

    /** What was written is kept; a draft in which nothing was written is not. */
    close() {
        const isEmpty =
            !this.editor.editable.innerText.trim() && !this.editor.editable.querySelector("img");
        return isEmpty && !this.state.files.length ? this.discard() : this.run(async () => {});
    }

    discard() {
        return this.run(() => this.orm.call(MODEL, "action_cancel", [[this.props.draftId]]));
    }

    async loadCanned() {
        this.state.canned = await this.orm.call("inbox.canned.answer", "search_for", [
            this.props.conversation.id,
        ]);
    }

    insertCanned(answer) {
        this.editor.shared.lokarioCannedAnswer.insertAnswer(answer);
    }

    async addFiles(event) {
        for (const file of event.target.files) {
            const datas = (await getDataURLFromFile(file)).split(",")[1];
            const [id] = await this.orm.create("ir.attachment", [
                { name: file.name, datas, res_model: MODEL, res_id: this.props.draftId },
            ]);
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
