"""The part of template rendering that runs in a fenced child process: it imports only Jinja2."""
