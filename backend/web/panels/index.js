// The parts around the chat. README.md beside this folder says how one is added.
import { h } from "../vendor/vendor.js";
import { Codebases } from "./codebases.js";
import { Conversations } from "./conversations.js";
import { Dashboard } from "./dashboard.js";
import { Models } from "./models.js";
import { OpenCodebase } from "./open.js";
import { Overview } from "./overview.js";
import { Preferences } from "./preferences.js";
import { Preview } from "./preview.js";
import { Search } from "./search.js";

/** @type {{name: string, title: string, place: "sidebar"|"dialog"|"page", view: Function, icon?: string, key?: string}[]} */
export const panels = [
  { name: "codebases", title: "Codebases", place: "sidebar", view: Codebases },
  { name: "conversations", title: "Conversations", place: "sidebar", view: Conversations },
  { name: "search", title: "Search the code", place: "page", view: Search, icon: "search", key: "k" },
  { name: "preview", title: "The prompt", place: "dialog", wide: true, view: Preview, key: "p" },
  { name: "models", title: "Models", place: "dialog", wide: true, view: Models, icon: "chip", key: "m" },
  { name: "dashboard", title: "Dashboard", place: "page", view: Dashboard, icon: "chart", key: "g" },
  { name: "overview", title: "Overview", place: "page", view: Overview, key: "v" },
  { name: "open", title: "Open a codebase", place: "dialog", view: OpenCodebase, key: "o" },
  { name: "preferences", title: "Preferences", place: "dialog", view: () => h(Preferences, { panels }), icon: "gear", key: "h" },
];
