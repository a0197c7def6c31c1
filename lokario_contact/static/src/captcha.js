/* Answers the challenge of the contact form, see tools/captcha.py. Without the Web Crypto API, which pages by
   plain HTTP do not have. The page stays usable: the work is done in slices, and what it says is read aloud. */
(() => {
    const SLICE = 20; // milliseconds of work between two chances for the page to react
    const ROUNDS = [];
    const START = [];

    function isPrime(number) {
        for (let factor = 2; factor * factor <= number; factor++) {
            if (number % factor === 0) {
                return false;
            }
        }
        return true;
    }

    function fraction(root) {
        return ((root - Math.floor(root)) * 2 ** 32) | 0;
    }

    for (let number = 2; ROUNDS.length < 64; number++) {
        if (isPrime(number)) {
            if (START.length < 8) {
                START.push(fraction(Math.sqrt(number)));
            }
            ROUNDS.push(fraction(Math.cbrt(number)));
        }
    }

    /** FIPS 180-4, section 6.2.2: one block of sixteen words into the eight words of the state. */
    function compress(state, words) {
        const turn = (word, bits) => (word >>> bits) | (word << (32 - bits));
        for (let i = 16; i < 64; i++) {
            const [early, late] = [words[i - 15], words[i - 2]];
            const first = turn(early, 7) ^ turn(early, 18) ^ (early >>> 3);
            const second = turn(late, 17) ^ turn(late, 19) ^ (late >>> 10);
            words[i] = (words[i - 16] + first + words[i - 7] + second) | 0;
        }
        let [a, b, c, d, e, f, g, h] = state;
        for (let i = 0; i < 64; i++) {
            const mixed = turn(e, 6) ^ turn(e, 11) ^ turn(e, 25);
            const one = (h + mixed + ((e & f) ^ (~e & g)) + ROUNDS[i] + words[i]) | 0;
            const two =
                ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
            [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
        }
        return [a, b, c, d, e, f, g, h].map((word, i) => (word + state[i]) | 0);
    }

    /** The first word of the SHA-256 of an ASCII text. */
    function firstWord(text) {
        const length = (((text.length + 8) >> 6) + 1) * 16;
        const words = new Array(length).fill(0);
        for (let i = 0; i < text.length; i++) {
            words[i >> 2] |= text.charCodeAt(i) << (24 - 8 * (i % 4));
        }
        words[text.length >> 2] |= 0x80 << (24 - 8 * (text.length % 4));
        words[length - 1] = text.length * 8;
        let state = START;
        for (let i = 0; i < length; i += 16) {
            state = compress(state, words.slice(i, i + 16));
        }
        return state[0];
    }

    function solve(challenge, bits, done) {
        let number = 0;
        const work = () => {
            const end = Date.now() + SLICE;
            while (Date.now() < end) {
                for (let i = 0; i < 100; i++, number++) {
                    if (firstWord(`${challenge}:${number}`) >>> (32 - bits) === 0) {
                        return done(number);
                    }
                }
            }
            setTimeout(work);
        };
        work();
    }

    function start() {
        const answer = document.querySelector("input[name=challenge_answer]");
        if (!answer) {
            return;
        }
        const form = answer.form;
        const say = (name) => {
            form.querySelector("[role=status]").textContent = form.querySelector(
                `[data-say=${name}]`
            ).textContent;
        };
        let isWanted = false;
        form.addEventListener("submit", (event) => {
            if (!answer.value) {
                event.preventDefault();
                isWanted = true;
                say("working");
            }
        });
        solve(form.elements.challenge.value, Number(answer.dataset.bits), (number) => {
            answer.value = number;
            say("ready");
            if (isWanted) {
                form.requestSubmit();
            }
        });
        say("working");
    }

    if (document.readyState === "loading") {
        document.addEventListener("DOMContentLoaded", start);
    } else {
        start();
    }
})();
