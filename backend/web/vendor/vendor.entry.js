// What the page uses of other people's code. `make web` builds vendor.js of it.
import { h, render } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { batch, computed, effect, signal } from "@preact/signals";
import htm from "htm";
import MarkdownIt from "markdown-it";
import DOMPurify from "dompurify";

const html = htm.bind(h);
export { h, html, render };
export { useEffect, useLayoutEffect, useRef, useState };
export { batch, computed, effect, signal };
export { MarkdownIt, DOMPurify };
