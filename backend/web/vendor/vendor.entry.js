// What the page uses of other people's code. `make web` builds vendor.js of it.
import { h, render, Fragment } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { batch, computed, effect, signal, untracked, useComputed, useSignal, useSignalEffect } from "@preact/signals";
import htm from "htm";
import MarkdownIt from "markdown-it";
import DOMPurify from "dompurify";

const html = htm.bind(h);
export { h, html, render, Fragment };
export { useEffect, useLayoutEffect, useMemo, useRef, useState };
export { batch, computed, effect, signal, untracked, useComputed, useSignal, useSignalEffect };
export { MarkdownIt, DOMPurify };
