"""The only script that a page may run, and what browsers are told to refuse."""

import base64
import hashlib

SCRIPT = """\
const parts = (page) => [...page.querySelectorAll("[data-live]")];
async function look() {
  const began = performance.now();
  if (!document.hidden) {
    let isGone = true;
    try {
      const answer = await fetch(location.pathname), text = await answer.text();
      isGone = !answer.ok;
      if (answer.ok) show(new DOMParser().parseFromString(text, "text/html"));
    } catch {}
    document.getElementById("gone").hidden = !isGone;
  }
  setTimeout(look, Math.max(2000, 10 * (performance.now() - began)));
}
function show(page) {
  const now = parts(document), then = parts(page), key = (part) => part.dataset.live;
  if (now.map(key).join("\\n") !== then.map(key).join("\\n")) document.body.replaceChildren(...page.body.children);
  else now.forEach((part, i) => { if (part.innerHTML !== then[i].innerHTML) part.innerHTML = then[i].innerHTML; });
}
setTimeout(look, 2000);
"""
"""Reads the page again every two seconds, or less often where that takes long. It replaces the elements marked
``data-live`` whose content has changed, so that a reader's place, selection and focus stay; and all of the page where
others are marked now."""

_DIGEST = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
_SHOWN = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_ALONE = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

LIVE = f"{_SHOWN}; script-src 'sha256-{_DIGEST}'; connect-src 'self'; {_ALONE}"
"""The Content-Security-Policy of a page that looks again: nothing is loaded, and the script alone runs."""
STILL = f"{_SHOWN}; {_ALONE}"
"""That of a page that we made and that stays as it is."""
FOREIGN = f"sandbox; {STILL}"
"""That of a file that was in the folder: whatever it says, it is shown as if it came from elsewhere."""
