// The parts around the chat. README.md beside this folder says how one is added.

/** @type {{name: string, title: string, place: "sidebar"|"dialog"|"page", view: Function, icon?: string, key?: string}[]} */
export const panels = [];
