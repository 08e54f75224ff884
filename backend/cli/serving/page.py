"""`lantern open`: the page of the running server in the browser, signed in by a code that works once."""

import webbrowser

from backend.cli import output
from backend.cli.client import open_running
from backend.cli.settings import command_settings

# Browsers for a terminal, as the standard library finds them without a display. The page needs scripts.
TEXT_BROWSERS = ("www-browser", "links", "elinks", "lynx", "w3m")


def run_open(browser: bool) -> None:
    """Opens the page; prints its address if no browser can be started. Fails if no server runs."""
    with open_running(command_settings()) as client:
        code = client.call("POST", "/signin/codes", {})["code"]
        address = f"{client.url}/#code={code}"
    if browser and _open(address):
        output.note(f"opened {client.url} in the browser")
        return
    if browser:
        output.note("no browser can be opened here. Open this address; it works once, within ten minutes:")
    output.line(address)


def _open(address: str) -> bool:
    try:
        found = webbrowser.get()
    except webbrowser.Error:
        return False
    if getattr(found, "name", "") in TEXT_BROWSERS:
        return False
    return found.open(address)
