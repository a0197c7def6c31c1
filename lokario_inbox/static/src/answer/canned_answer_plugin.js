import { Plugin } from "@html_editor/plugin";
import { parseHTML } from "@html_editor/utils/html";
import { withSequence } from "@html_editor/utils/resource";
import { _t } from "@web/core/l10n/translation";

/** Canned answers behind a slash: config.cannedAnswers, config.onCannedAnswer(answer) once one was inserted. */
export class CannedAnswerPlugin extends Plugin {
    static id = "lokarioCannedAnswer";
    static dependencies = ["dom", "history"];
    static shared = ["insertAnswer"];
    resources = {
        user_commands: [
            {
                id: "insertCannedAnswer",
                title: _t("Canned answer"),
                icon: "fa-comment-o",
                run: this.insertAnswer.bind(this),
            },
        ],
        powerbox_categories: withSequence(5, { id: "canned", name: _t("Canned answers") }),
        powerbox_items: this.config.cannedAnswers.map((answer) => ({
            categoryId: "canned",
            commandId: "insertCannedAnswer",
            commandParams: answer,
            title: answer.name,
            description: answer.shortcut && `/${answer.shortcut}`,
            keywords: [answer.shortcut],
        })),
    };

    insertAnswer(answer) {
        this.dependencies.dom.insert(parseHTML(this.document, answer.body));
        this.dependencies.history.addStep();
        this.config.onCannedAnswer(answer);
    }
}
