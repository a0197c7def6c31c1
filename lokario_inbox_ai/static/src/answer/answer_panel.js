import { patch } from "@web/core/utils/patch";
import { AnswerPanel } from "@lokario_inbox/answer/answer_panel";

/** Beside the answers of people: what AI drafted, suggests or summarised. */
patch(AnswerPanel.prototype, {
    setup() {
        super.setup();
        this.state.ai = null;
    },

    async fetch(id) {
        const [values, ai] = await Promise.all([
            super.fetch(id),
            this.orm.silent.call("inbox.conversation", "get_ai_state", [[id]]),
        ]);
        return { ...values, ai };
    },

    get ownDrafts() {
        return this.drafts.filter((mail) => mail !== this.aiDraft);
    },

    get aiDraft() {
        return (
            this.state.ai?.outgoing_id &&
            this.drafts.find((mail) => mail.id === this.state.ai.outgoing_id)
        );
    },

    async useSuggestion() {
        const id = await this.orm.call("inbox.conversation", "action_use_suggestion", [
            [this.props.conversation.id],
        ]);
        this.state.draftId = id;
    },

    async askAi() {
        await this.orm.call("inbox.conversation", "action_ai_draft", [
            [this.props.conversation.id],
        ]);
        await this.reload();
    },

    async summarise() {
        await this.orm.call("inbox.conversation", "action_summarise", [
            [this.props.conversation.id],
        ]);
        await this.reload();
    },

    why() {
        return this.props.store.run("action_why");
    },
});
