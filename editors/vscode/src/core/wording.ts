// Words that every part of the extension uses.

/** So many things: "1 file", "1,200 files". */
export function plural(count: number, noun: string): string {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}
