import {
    Component,
    onWillDestroy,
    onWillStart,
    onWillUpdateProps,
    useEffect,
    useState,
} from "@odoo/owl";
import { deserializeDateTime } from "@web/core/l10n/dates";
import { useService } from "@web/core/utils/hooks";
import { readerPanels } from "../inbox/reader_panels";
import { Composer } from "./composer";

const TICK = 1000; // milliseconds

/** Below the mails: what is on its way, the composer, and the buttons that open it. */
export class AnswerPanel extends Component {
    static template = "lokario_inbox.AnswerPanel";
    static components = { Composer };
    static props = { store: Object, conversation: Object };

    setup() {
        this.orm = useService("orm");
        this.state = useState({ outgoing: [], draftId: false, now: Date.now() });
        onWillStart(() => this.load(this.props.conversation.id));
        onWillUpdateProps(async (next) => {
            if (next.conversation.id !== this.props.conversation.id) {
                this.state.draftId = false;
            }
            await this.load(next.conversation.id);
        });
        useEffect(
            (isCounting) => this.count(isCounting),
            () => [this.waiting.some((mail) => mail.state === "scheduled")]
        );
        onWillDestroy(() => clearInterval(this.timer));
    }

    async load(id) {
        this.shown = id;
        const values = await this.fetch(id);
        if (this.shown === id) {
            // the user did not go on to another conversation meanwhile
            Object.assign(this.state, values);
        }
    }

    /** What is shown of a conversation; extended by other addons. */
    async fetch(id) {
        return {
            outgoing: await this.orm.silent.call("inbox.conversation", "get_outgoing", [[id]]),
        };
    }

    reload() {
        return this.load(this.props.conversation.id);
    }

    /** Count the seconds down, while a mail waits for its moment. */
    count(isCounting) {
        clearInterval(this.timer);
        if (isCounting) {
            this.timer = setInterval(() => (this.state.now = Date.now()), TICK);
        }
    }

    /** Seconds until a mail leaves; above two minutes it is a scheduled one. */
    secondsLeft(mail) {
        return mail.send_at
            ? Math.max(
                  0,
                  Math.ceil((deserializeDateTime(mail.send_at).toMillis() - this.state.now) / 1000)
              )
            : 0;
    }

    moment(mail) {
        return deserializeDateTime(mail.send_at).toLocaleString(luxon.DateTime.DATETIME_MED);
    }

    get waiting() {
        return this.state.outgoing.filter((mail) => mail.state !== "draft");
    }

    get drafts() {
        return this.state.outgoing.filter(
            (mail) => mail.state === "draft" && mail.id !== this.state.draftId
        );
    }

    get ownDrafts() {
        return this.drafts;
    }

    async compose(kind) {
        this.props.store.composing = true; // keys pressed until the composer is there are no shortcuts either
        try {
            this.state.draftId = await this.orm.call(
                "inbox.conversation",
                "action_compose",
                [[this.props.conversation.id]],
                { kind }
            );
        } catch (error) {
            this.props.store.composing = false;
            throw error;
        }
    }

    edit(mail) {
        this.state.draftId = mail.id;
    }

    async done() {
        this.state.draftId = false;
        await this.reload();
    }

    async act(mail, method) {
        await this.orm.call("inbox.outgoing", method, [[mail.id]]);
        await this.reload();
    }

    /** Make a mail that did not leave a draft again, and open it. */
    async takeUp(mail, method) {
        await this.act(mail, method);
        this.edit(mail);
    }
}

readerPanels.add("answer", { Component: AnswerPanel, position: "bottom" }, { sequence: 5 });
