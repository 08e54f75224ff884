// A question in its place before something is lost. Focus goes to the safe answer.
import { html, useLayoutEffect, useRef } from "../vendor/vendor.js";
import { Button } from "../lib/ui.js";

/** A reference for a row of a list: if it goes while it has the focus, the first button of its section gets it. */
export function useRow() {
  const row = useRef(null);
  useLayoutEffect(() => () => {
    if (row.current?.contains(document.activeElement)) row.current.closest("section").querySelector("button").focus();
  }, []);
  return row;
}

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
