// One plot of the dashboard. uPlot is loaded with the first one; colours come from the style sheet.
import { html, signal, useEffect, useRef } from "../vendor/vendor.js";
import { theme } from "../lib/store.js";
import { UNITS } from "./series.js";

const HEIGHT = 170; // pixels
const SHORTEST_S = 300; // the least time that is shown
const FEW = 3;
const POINTS = 40; // at most; more of them are a line
const library = signal(null);

/** uPlot reads the browser's language when it is loaded, and throws on names such as `en-US@posix`. */
export async function loadPlots() {
  if (library.value) return;
  try {
    new Intl.DateTimeFormat(navigator.language);
  } catch {
    Object.defineProperty(navigator, "language", { value: "en-US", configurable: true });
  }
  const { uPlot } = await import("../vendor/uplot.js");
  document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href: "web/vendor/uplot.css" }));
  library.value = uPlot;
}

/** A plot of `columns(...)`; the words of it are beside it, so that it is hidden from screen readers. */
export function Plot({ chart, columns }) {
  const box = useRef(null);
  const plot = useRef(null);
  const keys = useRef(null);
  const names = columns.series.map((one) => one.name).join(" ");
  useEffect(() => {
    if (!library.value) return undefined;
    const make = () => {
      plot.current?.destroy();
      plot.current = new library.value(options(chart, columns, keys.current, box.current), columns.data, box.current);
    };
    make();
    const observer = new ResizeObserver(() => plot.current?.setSize({ width: box.current?.clientWidth ?? 0, height: HEIGHT }));
    observer.observe(box.current);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", make);
    return () => {
      observer.disconnect();
      scheme.removeEventListener("change", make);
      plot.current.destroy();
      plot.current = null;
    };
  }, [library.value, names, theme.value]);
  useEffect(() => plot.current?.setData(columns.data), [columns]);
  return html`
    <ul class="list keys" ref=${keys} aria-hidden="true">
      ${columns.series.map(({ label }, n) => html`<li key=${label} class=${`key key-${n + 1}`}>${label}</li>`)}
    </ul>
    <div class="plot" ref=${box} aria-hidden="true"></div>`;
}

function options(chart, { series }, keys, box) {
  const { write, steps } = UNITS[chart.unit];
  const colours = [...keys.children].map((key) => getComputedStyle(key, "::before").backgroundColor);
  const { color: ink, borderTopColor: grid } = getComputedStyle(box);
  const axis = { stroke: ink, font: "12px system-ui, sans-serif", grid: { stroke: grid, width: 1 }, ticks: { show: false } };
  return {
    width: box.clientWidth,
    height: HEIGHT,
    padding: [8, 20, 0, 0],
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, points: { size: 6 } },
    scales: {
      x: { range: (_, first, last) => [Math.min(first, last - SHORTEST_S), last] },
      y: { range: chart.range ?? ((_, __, most) => [0, most > 0 ? most * 1.15 : 1]) },
    },
    axes: [
      { ...axis, size: 26, gap: 6, grid: { show: false }, values: (_, splits) => splits.map(clock) },
      { ...axis, size: 64, gap: 8, values: (_, splits) => splits.map(write), ...(steps && { incrs: steps }) },
    ],
    series: [
      {},
      ...series.map(({ label }, n) => ({
        label, stroke: colours[n], width: 2, spanGaps: true,
        points: { show: (plot, at) => isSparse(plot.data[at]), size: 7, fill: colours[n], width: 0 },
        fill: n === 0 && series.length === 1 ? colours[n].replace("rgb(", "rgba(").replace(")", ", 0.12)") : undefined,
      })),
    ],
  };
}

/** A few answers among many samples are points: between two gaps one would not see a line. */
function isSparse(values) {
  const number = values.filter((value) => value !== null).length;
  return number <= FEW || (number <= POINTS && number * 2 < values.length);
}

const two = (number) => String(number).padStart(2, "0");
/** Seconds of Unix time as 14:05. */
export function clock(seconds) {
  const moment = new Date(seconds * 1000);
  return `${two(moment.getHours())}:${two(moment.getMinutes())}`;
}
