// The page: signs in, connects, and lays out sidebar, chat and panels.
import { effect, html, render, useEffect, useRef } from "./vendor/vendor.js";
import { start } from "./chat/actions.js";
import { Chat } from "./chat/view.js";
import { SignIn, takeCode } from "./chat/signin.js";
import { CodeDialog } from "./chat/sources.js";
import { listenToKeys } from "./lib/keys.js";
import {
  closePanel, connection, currentCodebase, isSidebarOpen, openPanel, panel, theme, token,
} from "./lib/store.js";
import { basename } from "./lib/format.js";
import { Button, Dialog, Icon, IconButton, openDialogs, Toasts } from "./lib/ui.js";
import { panels } from "./panels/index.js";

const dialogs = [{ name: "code", title: "Code", place: "dialog", view: CodeDialog, wide: true }, ...panels];

const STATES = { connecting: "Connecting …", open: "Connected", lost: "Connection lost, trying again …" };

function Connection() {
  const { state, reason } = connection.value;
  return html`<span class=${`connection ${state}`} role="status">
    <span class="dot" aria-hidden="true"></span><span class="connection-words">${reason ?? STATES[state]}</span></span>`;
}

function TopBar() {
  const base = currentCodebase.value;
  return html`
    <header class="topbar">
      <button type="button" class="icon-button menu-button" aria-label="Sidebar" title="Sidebar (Alt+B)"
        aria-expanded=${isSidebarOpen.value} aria-controls="sidebar"
        onClick=${() => (isSidebarOpen.value = !isSidebarOpen.value)}><${Icon} name="menu" /></button>
      <span class="brand"><img src="web/icon.svg" alt="" width="22" height="22" />Lantern</span>
      <span class="topbar-codebase">${base ? basename(base.root) : ""}</span>
      <${Connection} />
      <nav class="toolbar" aria-label="Panels">
        ${panels.filter((one) => one.place !== "sidebar" && one.icon).map((one) => html`
          <${IconButton} key=${one.name} icon=${one.icon} aria-pressed=${panel.value?.name === one.name}
            label=${one.key ? `${one.title} (Alt+${one.key.toUpperCase()})` : one.title}
            onClick=${() => (panel.value?.name === one.name ? closePanel() : openPanel(one.name))} />`)}
      </nav>
    </header>`;
}

function Sidebar() {
  return html`
    <aside id="sidebar" class=${isSidebarOpen.value ? "sidebar open" : "sidebar"} aria-label="Codebases and conversations">
      ${panels.filter((one) => one.place === "sidebar").map((one) => html`
        <section key=${one.name} class="sidebar-section" aria-label=${one.title}><${one.view} args=${{}} /></section>`)}
    </aside>
    ${isSidebarOpen.value && html`<div class="scrim" onClick=${() => (isSidebarOpen.value = false)}></div>`}`;
}

function OpenPanel() {
  const entry = dialogs.find((one) => one.name === panel.value?.name);
  if (!entry || entry.place === "sidebar") return null;
  const { args } = panel.value;
  if (entry.place === "dialog") {
    return html`<${Dialog} key=${entry.name} title=${entry.title} wide=${entry.wide} onClose=${closePanel}>
      <${entry.view} args=${args} onClose=${closePanel} /><//>`;
  }
  return html`<${PagePanel} key=${entry.name} title=${entry.title}><${entry.view} args=${args} onClose=${closePanel} /><//>`;
}

/** A panel in place of the chat. Focus that was in what has gone goes to the title, and back to the conversation. */
function PagePanel({ title, children }) {
  const heading = useRef(null);
  useEffect(() => {
    const isLost = () => document.activeElement === document.body;
    if (isLost()) heading.current.focus();
    return () => requestAnimationFrame(() => isLost() && document.querySelector(".turns-frame")?.focus());
  }, []);
  return html`
    <section class="page-panel" aria-labelledby="page-title">
      <header class="page-head"><h1 id="page-title" tabindex="-1" ref=${heading}>${title}</h1>
        <${Button} onClick=${closePanel}>Back to the conversation<//></header>
      ${children}
    </section>`;
}

function Workplace() {
  useEffect(start, []);
  const isPage = panels.some((one) => one.place === "page" && one.name === panel.value?.name);
  return html`
    <a class="skip" href="#composer" onClick=${(event) => {
      event.preventDefault();
      closePanel();
      document.getElementById("composer")?.focus();
    }}>Skip to the question</a>
    <${TopBar} />
    <div class="columns">
      <${Sidebar} />
      <main class="main">${isPage ? html`<${OpenPanel} />` : html`<${Chat} />`}</main>
    </div>
    ${!isPage && html`<${OpenPanel} />`}
    ${openDialogs.value === 0 && html`<${Toasts} />`}`;
}

// Another token is another connection.
const Page = () => (token.value ? html`<${Workplace} key=${token.value} />` : html`<${SignIn} />`);

effect(() => {
  if (theme.value === "system") document.documentElement.removeAttribute("data-theme");
  else document.documentElement.setAttribute("data-theme", theme.value);
});

takeCode();
addEventListener("hashchange", takeCode); // a new link that is opened in this tab loads nothing
listenToKeys(panels);
const root = document.getElementById("app");
root.replaceChildren();
render(html`<${Page} />`, root);
