import { Component, onMounted, onWillUnmount, onPatched, useRef, useState } from "@odoo/owl";

// No script, no form, no frame; images of the own server (inline attachments) and data only.
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; font-src data:; img-src data: ";
const LOWEST = "4rem";
const HIGHEST = 20000; // px
const STYLE = `
    html { font: 14px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; color: #212529; }
    body { margin: 0; overflow-wrap: anywhere; overflow-y: hidden; }
    body > :first-child, body > :first-child > :first-child { margin-top: 0; }
    img { max-width: 100%; height: auto; } table { max-width: 100%; }
    blockquote { margin: 0 0 0 .5rem; padding-left: .75rem; border-left: 3px solid #dee2e6; color: #495057; }
    img[data-remote-src]:not([src]) { display: none; }
    pre { white-space: pre-wrap; font: inherit; margin: 0; }
    a { color: #0d6efd; } details { margin-top: .75rem; }
    summary { cursor: pointer; list-style: none; display: inline-block; padding: 0 .6rem; border-radius: .75rem;
              background: #e9ecef; color: #495057; line-height: 1.2rem; letter-spacing: .1rem; }
    details[open] > :not(summary) { margin-top: .75rem; }
    .signature { color: #868e96; }
`;

function escapeText(text) {
    const node = document.createElement("div");
    node.textContent = text || "";
    return node.innerHTML.replace(
        /(https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)])/g,
        '<a href="$1">$1</a>'
    );
}

/** A mail body in a frame of its own: no script runs in it, nothing remote loads until asked for. */
export class MailBody extends Component {
    static template = "lokario_inbox.MailBody";
    static props = {
        body: Object,
        inline: { type: Object, optional: true },
        showWhole: { type: Function, optional: true },
    };

    setup() {
        this.frameRef = useRef("frame");
        this.state = useState({ images: false });
        this.rendered = "";
        onMounted(() => this.draw());
        onPatched(() => this.draw());
        onWillUnmount(() => this.observer?.disconnect());
    }

    get hasRemoteImages() {
        const { kind, visible, quoted, signature } = this.props.body;
        return (
            kind === "html" &&
            [visible, signature, quoted].some((part) => part.includes("data-remote-src="))
        );
    }

    showImages() {
        this.state.images = true;
    }

    document() {
        const { kind, visible, quoted, signature } = this.props.body;
        const wrap = (text) =>
            kind === "html" ? this.withImages(text) : `<pre>${escapeText(text)}</pre>`;
        const remote = this.state.images ? "https: http:" : "";
        return `<!DOCTYPE html><html><head><meta charset="utf-8"><base target="_blank">
            <meta http-equiv="Content-Security-Policy" content="${POLICY} ${
            window.location.origin
        } ${remote}">
            <meta name="referrer" content="no-referrer"><style>${STYLE}</style></head><body dir="auto">${wrap(
            visible
        )}
            ${
                signature || quoted
                    ? `<details><summary>•••</summary><div class="signature">${wrap(
                          signature
                      )}</div>
            <div>${wrap(quoted)}</div></details>`
                    : ""
            }</body></html>`;
    }

    withImages(text) {
        const inline = this.props.inline || {};
        const local = text.replace(/src="cid:([^"]+)"/gi, (whole, cid) =>
            inline[cid] ? `src="/web/content/inbox.attachment/${inline[cid]}/content"` : whole
        );
        return this.state.images ? local.replaceAll("data-remote-src=", "src=") : local;
    }

    draw() {
        const frame = this.frameRef.el;
        const content = this.document();
        if (!frame || content === this.rendered) {
            return;
        }
        this.rendered = content;
        frame.onload = () => this.fit(frame);
        frame.srcdoc = content;
    }

    /** The frame is as high as its mail; measured in a low one, for heights that a mail takes from its window ("100vh")
     *  would else grow with it. What is longer than any screen scrolls in its frame. */
    fit(frame) {
        const resize = () => {
            const page = frame.contentDocument?.documentElement;
            if (page) {
                frame.style.height = LOWEST;
                const height = page.scrollHeight + 4;
                frame.style.height = `${Math.min(height, HIGHEST)}px`;
                frame.contentDocument.body.style.overflowY = height > HIGHEST ? "auto" : "hidden";
            }
        };
        resize();
        this.observer?.disconnect();
        this.observer = new ResizeObserver(resize);
        this.observer.observe(frame.contentDocument.body);
    }
}
