import { Component, useState } from "@odoo/owl";
import { deserializeDate, deserializeDateTime } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";
import { fileSize, initials, longDate, personColor, shortDate } from "./formats";
import { MailBody } from "./mail_body";

const ICONS = [
    [/^image\//, "fa-file-image-o"],
    [/pdf/, "fa-file-pdf-o"],
    [/zip|compressed|tar/, "fa-file-archive-o"],
    [/sheet|excel|csv/, "fa-file-excel-o"],
    [/word|document/, "fa-file-word-o"],
    [/calendar/, "fa-calendar"],
];

/** One mail of a conversation: a line when folded, the whole mail when open. */
export class MailCard extends Component {
    static template = "lokario_inbox.MailCard";
    static components = { MailBody };
    static props = { store: Object, message: Object, isLast: Boolean };

    setup() {
        const { isLast, message } = this.props;
        const isNew = message.direction === "in" && !message.is_seen && !!message.body;
        this.state = useState({ open: isLast || isNew, details: false });
        Object.assign(this, { fileSize, initials, longDate, personColor, shortDate });
    }

    async toggle() {
        if (!this.state.open) {
            await this.props.store.loadBody(this.props.message);
        }
        this.state.open = !this.state.open;
    }

    onKey(ev) {
        if (ev.key === "Enter" && ev.target === ev.currentTarget) {
            this.toggle();
        }
    }

    get invitationKind() {
        const kinds = {
            request: _t("Invitation"),
            cancel: _t("Cancelled"),
            reply: _t("Answer to an invitation"),
        };
        return kinds[this.props.message.invitation.method] || _t("Event");
    }

    get invitationAnswers() {
        return [
            ["accepted", _t("Accept")],
            ["tentative", _t("Maybe")],
            ["declined", _t("Decline")],
        ];
    }

    get invitationTime() {
        const { start, end, is_all_day } = this.props.message.invitation;
        if (!is_all_day) {
            return this.moments(start, end);
        }
        return deserializeDate(start).toLocaleString({
            weekday: "long",
            day: "numeric",
            month: "long",
            year: "numeric",
        });
    }

    moments(start, end) {
        if (!end || start === end) {
            return longDate(start);
        }
        const until = deserializeDateTime(end);
        const isOneDay = until.hasSame(deserializeDateTime(start), "day");
        const ending = isOneDay
            ? until.toLocaleString({ hour: "2-digit", minute: "2-digit" })
            : longDate(end);
        return `${longDate(start)} – ${ending}`;
    }

    icon(attachment) {
        return (ICONS.find(([pattern]) => pattern.test(attachment.mimetype)) || [
            null,
            "fa-file-o",
        ])[1];
    }
}
