const form = document.getElementById("lokario_statement");

/** Programs open links, too: the mail counts as read at the first gesture of a person on the page. */
function setRead() {
    const body = new URLSearchParams({ csrf_token: form.elements.csrf_token.value });
    fetch(form.dataset.readUrl, { method: "POST", body });
}

if (form) {
    const gestures = new AbortController();
    for (const gesture of ["pointerdown", "keydown", "wheel", "touchmove"]) {
        document.addEventListener(
            gesture,
            () => {
                gestures.abort();
                setRead();
            },
            { signal: gestures.signal }
        );
    }
}
