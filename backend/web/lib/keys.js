// Keyboard shortcuts of the page. `SHORTCUTS` is also what the help shows.
import { closePanel, isSidebarOpen, openPanel, panel, token } from "./store.js";

export const SHORTCUTS = [
  ["Enter", "Send the question"],
  ["Shift+Enter", "New line in the question"],
  ["Escape", "Stop the answer; close what is open"],
  ["/", "Go to the question"],
  ["ArrowUp in an empty question", "Edit the last question"],
  ["Alt+N", "New conversation"],
  ["Alt+B", "Show or hide the sidebar, on a narrow screen"],
  ["Alt+S", "Go to the sources"],
];
const actions = new Map(); // key with Alt -> function

/** Runs `action` on Alt+`key`. */
export const onAlt = (key, action) => actions.set(key.toLowerCase(), action);

const isTyping = (element) => element.matches?.("input:not([type=radio]), textarea, select");

/** Starts to listen; a panel with a `key` is opened and closed with Alt+key. */
export function listenToKeys(panels) {
  onAlt("b", () => (isSidebarOpen.value = !isSidebarOpen.value));
  for (const { name, key, place } of panels) {
    if (key && place !== "sidebar") {
      onAlt(key, () => (panel.value?.name === name ? closePanel() : openPanel(name)));
    }
  }
  const isMac = navigator.platform.startsWith("Mac"); // there Alt and a letter type a character, which a field needs
  const isNarrow = matchMedia("(max-width: 860px)"); // the sidebar lies over the page: see styles/layout.css
  document.addEventListener("keydown", (event) => {
    // A password manager sends events without a key.
    if (event.defaultPrevented || event.isComposing || !event.key || !token.value) return;
    const letter = event.code.startsWith("Key") ? event.code.slice(3).toLowerCase() : event.key.toLowerCase();
    const isShortcut = event.altKey && !event.ctrlKey && !event.metaKey && !(isMac && isTyping(event.target));
    const action = isShortcut ? actions.get(letter) : null;
    if (action) {
      event.preventDefault();
      action();
    } else if (event.key === "Escape" && isSidebarOpen.value && isNarrow.matches) {
      event.preventDefault(); // nothing else ends by it
      isSidebarOpen.value = false;
      document.querySelector(".menu-button").focus();
    } else if (event.key === "/" && !isTyping(event.target) && !event.altKey && !event.ctrlKey && !event.metaKey) {
      const composer = document.getElementById("composer");
      if (composer) event.preventDefault();
      composer?.focus();
    }
  });
}
