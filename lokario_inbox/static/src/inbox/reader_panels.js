import { registry } from "@web/core/registry";

/**
 * Places in the reader for other parts: { Component, position } with position "top" or "bottom" (above or below
 * the mails, such as a composer) or "side" (customer pane). Each gets the props { store, conversation }.
 */
export const readerPanels = registry.category("lokario_inbox.reader_panels");
