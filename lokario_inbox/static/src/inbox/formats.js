/** How the inbox writes moments, people and sizes. */

import { deserializeDateTime } from "@web/core/l10n/dates";
import { _t } from "@web/core/l10n/translation";
import { formatFloat } from "@web/core/utils/numbers";

const { DateTime } = luxon;

/** Status of a conversation -> its word. */
export function stateLabels() {
    return {
        new: _t("New"),
        in_progress: _t("In progress"),
        resolved: _t("Resolved"),
        archived: _t("Archived"),
        spam: _t("Spam"),
    };
}

/** "10:42", "Tue", "3 Mar", "03/2024": as short as the distance allows. */
export function shortDate(value) {
    if (!value) {
        return "";
    }
    const date = deserializeDateTime(value);
    const now = DateTime.now();
    if (date.hasSame(now, "day")) {
        return date.toLocaleString(DateTime.TIME_24_SIMPLE);
    }
    if (now.diff(date, "days").days < 6 && date < now) {
        return date.toLocaleString({ weekday: "short" });
    }
    if (date.hasSame(now, "year")) {
        return date.toLocaleString({ day: "numeric", month: "short" });
    }
    return date.toLocaleString({ day: "2-digit", month: "2-digit", year: "2-digit" });
}

export function longDate(value) {
    return value
        ? deserializeDateTime(value).toLocaleString(DateTime.DATETIME_MED_WITH_WEEKDAY)
        : "";
}

export function authorName(author) {
    return (author || "").split("<")[0].replaceAll('"', "").trim() || author || "";
}

export function initials(author) {
    const words = authorName(author)
        .split(/[\s.@_-]+/)
        .filter(Boolean);
    return (
        words
            .slice(0, 2)
            .map((word) => word[0].toUpperCase())
            .join("") || "?"
    );
}

/** A colour of the palette that stays the same for the same person. */
export function personColor(author) {
    let hash = 0;
    for (const character of authorName(author)) {
        hash = (hash * 31 + character.codePointAt(0)) % 997;
    }
    return `lokario_person_${hash % 10}`;
}

/** Decimal comma and unit of the user's language: “12 kB”, “1.5 MB”. */
export function fileSize(bytes) {
    const kilobytes = bytes / 1024;
    return kilobytes < 1024
        ? _t("%s kB", Math.max(1, Math.round(kilobytes)))
        : _t("%s MB", formatFloat(kilobytes / 1024, { digits: [16, 1] }));
}
