"""The console at `/`: pages for people, rendered here, kept up to date by the events. docs/console_design.md is its look.

`pages/` answer, `views/` turn rows into what a page shows (no HTML, no request), `templates/` write it, `static/` has the
style, the script and htmx. What a page does is done by the client and the carousel, as for the command line.
"""
