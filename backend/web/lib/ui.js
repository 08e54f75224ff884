// Small components that every part of the page uses. Text goes through preact only; nothing here sets markup.
import { html, signal, useEffect, useRef } from "../vendor/vendor.js";
import { sentence } from "./format.js";
import { dismiss, toast, toasts } from "./store.js";

const ICONS = {
  menu: "M3 6h18M3 12h18M3 18h18",
  plus: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6L6 18",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  check: "M4 12l5 5L20 6",
  send: "M12 19V5M5 12l7-7 7 7",
  stop: "M7 7h10v10H7z",
  again: "M20 11a8 8 0 1 0-2 6M20 5v6h-6",
  edit: "M4 20l1-5L16 4l4 4L9 19z",
  pin: "M9 4h6l-1 6 3 3v2H7v-2l3-3zM12 15v6",
  minus: "M5 12h14",
  attach: "M20 11l-8.500 8.500a5 5 0 0 1-7-7L13 4a3.500 3.500 0 0 1 5 5l-8.500 8.500a2 2 0 0 1-3-3L14 7",
  eye: "M2 12s4-7 10-7 10 7 10 7-4 7-10 7S2 12 2 12zM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6",
  search: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l5 5",
  chart: "M4 20V10M10 20V4M16 20v-7M21 20H3",
  chip: "M7 7h10v10H7zM10 3v4M14 3v4M10 17v4M14 17v4M3 10h4M3 14h4M17 10h4M17 14h4",
  folder: "M3 6h6l2 2h10v11H3z",
  chat: "M4 5h16v11H9l-5 4z",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  help: "M9 9a3 3 0 1 1 4 3c-1 .5-1 1-1 2M12 18v.5M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18",
  down: "M6 9l6 6 6-6",
  gear: "M4 7h10M18 7h2M4 17h2M10 17h10M16 4.500v5M8 14.500v5",
  paste: "M8 5H5v16h14V5h-3M9 3h6v4H9zM9 12h6M9 16h6",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
};

/** A drawn sign without a name: the button around it has the label. */
export const Icon = ({ name }) => html`
  <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d=${ICONS[name] ?? ""} /></svg>`;

/** A button. `kind`: plain, primary, danger, quiet. */
export const Button = ({ kind = "plain", icon, children, ...rest }) => html`
  <button type="button" ...${rest} class=${`button ${kind}`}>${icon && html`<${Icon} name=${icon} />`}${children}</button>`;

/** A button that shows only a sign; `label` is its name and tooltip. */
export const IconButton = ({ icon, label, ...rest }) => html`
  <button type="button" class="icon-button" aria-label=${label} title=${label} ...${rest}><${Icon} name=${icon} /></button>`;

/** Progress in words and as a bar; `value` in 0..1, or null while the end is not known. */
export const Progress = ({ value = null, label }) => html`
  <div class="progress"><span>${label}</span>
    <progress aria-label=${label} max="1" value=${value === null ? undefined : value}></progress></div>`;

/** A place that has nothing to show, with what to do about it. */
export const Empty = ({ title, children }) => html`
  <div class="empty"><p class="empty-title">${title}</p>${children}</div>`;

/** An error in its place: the message holds the fix. */
export const ErrorNote = ({ error, onRetry }) => html`
  <div class="note error" role="alert"><p>${sentence(error.message ?? error)}</p>
    ${onRetry && html`<${Button} onClick=${onRetry}>Try again<//>`}</div>`;

/** Short messages. Each open dialog has its own, because nothing outside of a modal dialog can be reached. */
export const Toasts = () => html`
  <div class="toasts" role="status" aria-live="polite">
    ${toasts.value.map((one) => html`
      <div key=${one.id} class=${`toast ${one.kind}`}>${one.text}
        <${IconButton} icon="close" label="Dismiss" onClick=${() => dismiss(one.id)} /></div>`)}
  </div>`;

/** How many dialogs are open. */
export const openDialogs = signal(0);

/** A modal dialog: focus stays inside, Escape closes, focus returns to where it was. */
export function Dialog({ title, onClose, children, wide = false }) {
  const element = useRef(null);
  useEffect(() => {
    const before = document.activeElement;
    element.current.showModal();
    openDialogs.value += 1;
    return () => {
      openDialogs.value -= 1;
      before?.focus?.();
    };
  }, []);
  const isOutside = (event) => event.target === element.current;
  const wasOutside = useRef(false); // where the click began: a text that is selected may end outside
  const onClick = (event) => wasOutside.current && isOutside(event) && onClose();
  return html`
    <dialog ref=${element} class=${wide ? "dialog wide" : "dialog"} aria-labelledby="dialog-title" onClick=${onClick}
      onPointerDown=${(event) => (wasOutside.current = isOutside(event))} onClose=${onClose}>
      <div class="dialog-body">
        <header><h2 id="dialog-title">${title}</h2><${IconButton} icon="close" label="Close" onClick=${onClose} /></header>
        ${children}
      </div>
      <${Toasts} />
    </dialog>`;
}

/** Copies text, and shows at the button that it was done. Browsers allow it on this machine and over https only. */
export async function copyText(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    return toast("The browser does not allow copying here: select the text and copy it.", "error");
  }
  button?.setAttribute("data-done", "");
  return setTimeout(() => button?.removeAttribute("data-done"), 1500);
}
