// A question in its place before something is lost. Focus goes to the safe answer.
import { html, useLayoutEffect, useRef } from "../vendor/vendor.js";
import { Button } from "../lib/ui.js";

export function Confirm({ question, yes, no = "Cancel", kind = "danger", children, onYes, onNo }) {
  const box = useRef(null);
  useLayoutEffect(() => {
    const before = document.activeElement;
    box.current.querySelector("[data-no]").focus();
    return () => before?.isConnected && before.focus();
  }, []);
  const onKeyDown = (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault(); // not the dialog around it
    event.stopPropagation();
    onNo();
  };
  return html`
    <div class="confirm" role="group" aria-label=${question} ref=${box} onKeyDown=${onKeyDown}>
      <p>${question}</p>
      ${children}
      <div class="toolbar">
        <${Button} kind=${kind} onClick=${onYes}>${yes}<//>
        <${Button} data-no onClick=${onNo}>${no}<//>
      </div>
    </div>`;
}
