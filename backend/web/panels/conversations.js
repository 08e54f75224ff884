// The sidebar's conversations: searched, opened, renamed, deleted.
import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/vendor.js";
import { address, get, patch, remove } from "../lib/api.js";
import { ago, basename, plural, visible } from "../lib/format.js";
import { connection, conversation, conversationsChanged, currentCodebase, toastError } from "../lib/store.js";
import { Button, ErrorNote, IconButton } from "../lib/ui.js";
import { newConversation, openConversation } from "../chat/actions.js";
import { Confirm, useRow } from "./confirm.js";

const PAGE = 30;
const MOST = 1000; // that the server lists
const TYPING_MS = 200;
const TITLE_CHARS = 80;

export function Conversations() {
  const [query, setQuery] = useState("");
  const [limit, setLimit] = useState(PAGE);
  const { list, total, error, reload } = useConversations(query, limit);
  return html`
    <header class="section-head"><h2>Conversations</h2>
      <${IconButton} icon="plus" label="New conversation (Alt+N)" onClick=${newConversation} /></header>
    <input class="field search-field" type="search" aria-label="Search conversations" placeholder="Search" value=${query}
      onKeyDown=${(event) => event.key === "Escape" && query && event.stopPropagation()}
      onInput=${(event) => (setQuery(event.target.value), setLimit(PAGE))} />
    <p class="visually-hidden" role="status">${query && list ? plural(total, "conversation") : ""}</p>
    ${error && html`<${ErrorNote} error=${error} onRetry=${reload} />`}
    ${list?.length === 0 && html`<p class="muted nothing">${query ? "No conversation has these words." : "What you ask is kept here."}</p>`}
    <ul class="list entries">
      ${list?.map((one) => html`<${Entry} key=${one.conversation_id} entry=${one} reload=${reload} />`)}
    </ul>
    ${list && total > list.length && (limit < MOST
      ? html`<${Button} kind="quiet" onClick=${() => setLimit(Math.min(limit + PAGE, MOST))}>
          Show more (${total - list.length})<//>`
      : html`<p class="muted nothing">Search for the older ones.</p>`)}`;
}

/** The list for a query; it loads again when a question was stored, and a moment after the typing has stopped. */
function useConversations(query, limit) {
  const [found, setFound] = useState({ list: null, total: 0, error: null });
  const [round, setRound] = useState(0);
  const changes = conversationsChanged.value;
  const isConnected = connection.value.state === "open"; // the top bar says when it is not; the list then stays
  useEffect(() => {
    const controller = new AbortController();
    const load = async () => {
      try {
        const path = address("/chat/conversations", { query: query.trim(), limit });
        const { conversations: list, total_count: total } = await get(path, { signal: controller.signal });
        setFound({ list, total, error: null });
      } catch (error) {
        if (error.name !== "AbortError" && error.code !== "unreachable") setFound((before) => ({ ...before, error }));
      }
    };
    const timer = setTimeout(load, TYPING_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [query, limit, changes, round, isConnected]);
  const reload = () => setRound((before) => before + 1);
  useEffect(() => { // other programs ask, and times pass, while the tab is hidden
    const onShow = () => !document.hidden && reload();
    document.addEventListener("visibilitychange", onShow);
    return () => document.removeEventListener("visibilitychange", onShow);
  }, []);
  return { ...found, reload };
}

function Entry({ entry, reload }) {
  const [mode, setMode] = useState("plain"); // plain, renaming, deleting
  const main = useRef(null);
  const row = useRow();
  const isCurrent = conversation.value === entry.conversation_id;
  const title = visible(entry.title) || "Without a title";
  const path = `/chat/conversation/${encodeURIComponent(entry.conversation_id)}`;
  const change = async (work) => {
    setMode("plain");
    await work().catch(toastError);
    reload();
  };
  const forget = () => change(async () => {
    await remove(path);
    if (isCurrent) newConversation();
  });
  const stopRenaming = () => {
    setMode("plain");
    requestAnimationFrame(() => main.current?.focus());
  };
  if (mode === "renaming") {
    return html`<${Rename} title=${entry.title} onCancel=${stopRenaming}
      onRename=${(name) => (stopRenaming(), change(() => patch(path, { title: name })))} />`;
  }
  return html`
    <li ref=${row} class=${isCurrent ? "entry current" : "entry"}>
      <div class="entry-line">
        <button type="button" class="entry-main" ref=${main} aria-current=${isCurrent ? "true" : undefined} title=${title}
          onClick=${() => openConversation(entry)}>
          <span class="entry-title">${title}</span>
          <span class="entry-meta">${metaLine(entry)}</span>
        </button>
        <div class="entry-actions">
          <${IconButton} icon="edit" label=${`Rename “${title}”`} onClick=${() => setMode("renaming")} />
          <${IconButton} icon="trash" label=${`Delete “${title}”`} onClick=${() => setMode("deleting")} />
        </div>
      </div>
      ${mode === "deleting" && html`<${Confirm} question="Delete this conversation and its answers?" yes="Delete"
        onYes=${forget} onNo=${() => setMode("plain")} />`}
    </li>`;
}

/** The last use, and the codebase where it is another than the open one. */
function metaLine(entry) {
  const isElsewhere = entry.workspace && entry.workspace !== currentCodebase.value?.root;
  return `${isElsewhere ? `${basename(entry.workspace)} · ` : ""}${ago(entry.last_updated)}`;
}

function Rename({ title, onRename, onCancel }) {
  const [name, setName] = useState(title);
  const field = useRef(null);
  useLayoutEffect(() => field.current.select(), []);
  const submit = (event) => {
    event.preventDefault();
    onRename(name.trim()); // an empty one stands for the first question
  };
  const onKeyDown = (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    onCancel();
  };
  return html`
    <li class="entry"><form class="rename" onSubmit=${submit}>
      <input class="field" ref=${field} aria-label="Title" maxlength=${TITLE_CHARS} value=${name} onKeyDown=${onKeyDown}
        onInput=${(event) => setName(event.target.value)} />
      <${IconButton} icon="check" label="Save the title" type="submit" />
      <${IconButton} icon="close" label="Keep the old title" onClick=${onCancel} />
    </form></li>`;
}
