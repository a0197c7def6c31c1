"""Test environments, and the verbs for people who develop the suite: test, bench, chaos, demo, lint, i18n."""
