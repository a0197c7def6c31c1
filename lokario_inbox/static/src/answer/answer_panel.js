import { Component, onWillDestroy, onWillStart, onWillUpdateProps, useState } from "@odoo/owl";
import { deserializeDateTime } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";
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
        this.state = useState({ outgoing: [], draftId: false, ai: null, now: Date.now() });
        this.labels = {
            draft: _t("Draft"),
            scheduled: _t("Waiting"),
            sending: _t("Being sent"),
            verifying: _t("Being verified"),
            sent: _t("Sent"),
            failed: _t("Not sent"),
            cancelled: _t("Not sent: the customer wrote first"),
            uncertain: _t("Uncertain: look into the mailbox before sending again"),
        };
        onWillStart(() => this.load(this.props.conversation.id));
        onWillUpdateProps(async (next) => {
            if (next.conversation.id !== this.props.conversation.id) {
                this.state.draftId = false;
            }
            await this.load(next.conversation.id);
        });
        this.timer = setInterval(() => this.tick(), TICK);
        onWillDestroy(() => clearInterval(this.timer));
    }

    async load(id) {
        this.shown = id;
        const [outgoing, ai] = await Promise.all([
            this.orm.silent.call("inbox.conversation", "get_outgoing", [[id]]),
            this.orm.silent.call("inbox.conversation", "get_ai_state", [[id]]),
        ]);
        if (this.shown === id) {
            // nobody went on to another conversation meanwhile
            Object.assign(this.state, { outgoing, ai });
        }
    }

    reload() {
        return this.load(this.props.conversation.id);
    }

    tick() {
        this.state.now = Date.now();
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
        return this.drafts.filter((mail) => mail !== this.aiDraft);
    }

    get aiDraft() {
        return (
            this.state.ai?.outgoing_id &&
            this.drafts.find((mail) => mail.id === this.state.ai.outgoing_id)
        );
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

    async useSuggestion() {
        const id = await this.orm.call("inbox.conversation", "action_use_suggestion", [
            [this.props.conversation.id],
        ]);
        this.state.draftId = id;
    }

    async askAi() {
        await this.orm.call("inbox.conversation", "action_ai_draft", [
            [this.props.conversation.id],
        ]);
        await this.reload();
    }

    async summarise() {
        await this.orm.call("inbox.conversation", "action_summarise", [
            [this.props.conversation.id],
        ]);
        await this.reload();
    }

    why() {
        return this.props.store.run("action_why");
    }
}

readerPanels.add("answer", { Component: AnswerPanel, position: "bottom" }, { sequence: 5 });
