import { Component } from "@odoo/owl";
import { Dialog } from "@web/core/dialog/dialog";
import { _t } from "@web/core/l10n/translation";

export class ShortcutHelp extends Component {
    static template = "lokario_inbox.ShortcutHelp";
    static components = { Dialog };
    static props = { close: { type: Function, optional: true } };

    setup() {
        this.shortcuts = [
            ["j  /  ↓", _t("Next conversation")],
            ["k  /  ↑", _t("Previous conversation")],
            ["x", _t("Select")],
            ["e", _t("Archive")],
            ["d", _t("Resolve")],
            ["o", _t("Reopen")],
            ["m", _t("Assign to me")],
            ["u", _t("Mark unread")],
            ["z", _t("Snooze until tomorrow")],
            ["i", _t("Urgent")],
            ["s", _t("Spam")],
            ["n", _t("Write a note")],
            ["f", _t("Search")],
            ["Esc", _t("Close the conversation")],
        ];
    }
}
