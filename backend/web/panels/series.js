// The history of metrics as columns for plots and as rows for tables. Knows neither the page nor the plots.
import { bytes } from "../lib/format.js";

const SECOND_MS = 1000;

/** 0 -> "0", 4.25 -> "4.3", 12.4 -> "12". */
const short = (value) => (value < 10 ? String(Number(value.toFixed(1))) : String(Math.round(value)));

/** How a value is written; `scale` is what the server's unit is multiplied by for the plot, `steps` the axis' steps. */
export const UNITS = {
  seconds: { scale: 1 / SECOND_MS, write: (value) => (value > 0 && value < 0.1 ? `${Math.round(value * 1000)} ms` : `${short(value)} s`) },
  rate: { scale: 1, write: (value) => `${short(value)} tok/s` },
  share: { scale: 100, write: (value) => `${Math.round(value)} %` },
  memory: { scale: 1, write: bytes },
  count: { scale: 1, write: short, steps: [1, 2, 5, 10, 20, 50, 100] },
};

/** The plots, in the order of the page. A series without a sample in the history is left out. */
export const CHARTS = [
  {
    title: "Response time",
    help: "From the question to the model’s first token, and to its last. The lead of an answer comes earlier.",
    unit: "seconds",
    series: [
      { name: "first_token_ms", label: "First token" },
      { name: "total_ms", label: "Whole answer" },
    ],
  },
  {
    title: "Speed",
    help: "Tokens that the model writes in a second.",
    unit: "rate",
    series: [{ name: "tokens_per_s", label: "Tokens per second" }],
  },
  {
    title: "Promises and cache",
    help: "Answers that began within the promised time, and prompt tokens that were not read again.",
    unit: "share",
    range: [0, 100],
    series: [
      { name: "promises_kept", label: "Promises kept" },
      { name: "cache_hits", label: "Cache hits" },
    ],
  },
  {
    title: "Memory",
    help: "What the server and its models hold.",
    unit: "memory",
    series: [
      { name: "process_bytes", label: "Server" },
      { name: "models_bytes", label: "Models" },
    ],
  },
  {
    title: "Activity",
    help: "Answers in progress, and models in memory.",
    unit: "count",
    series: [
      { name: "turns_running", label: "Answers in progress" },
      { name: "loaded_models", label: "Models loaded" },
    ],
  },
];

/** The columns `[times, values, ...]` of a chart and the series that have values; null where none has. */
export function columns(history, chart) {
  const { scale } = UNITS[chart.unit];
  const series = chart.series
    .map((one) => ({ ...one, at: history.names.indexOf(one.name) + 1 }))
    .filter(({ at }) => at > 0 && history.samples.some((sample) => isNumber(sample[at])));
  if (!series.length) return null;
  const values = series.map(({ at }) => history.samples.map((sample) => (isNumber(sample[at]) ? sample[at] * scale : null)));
  return { series, data: [history.samples.map((sample) => sample[0]), ...values] };
}

/** What a chart says in one sentence, for those who do not see it: the last, the least and the greatest value. */
export function summary(chart, { series, data }) {
  const { write } = UNITS[chart.unit];
  return series
    .map(({ label }, n) => {
      const values = data[n + 1].filter((value) => value !== null);
      return `${label}: ${write(values.at(-1))} now, ${write(Math.min(...values))} to ${write(Math.max(...values))}.`;
    })
    .join(" ");
}

/** At most `most` rows `[time, text, ...]`, newest first, evenly spread over the history. */
export function rows(chart, { data }, most = 24) {
  const { write } = UNITS[chart.unit];
  const step = Math.max(1, Math.ceil(data[0].length / most));
  const chosen = [];
  for (let at = data[0].length - 1; at >= 0; at -= step) {
    chosen.push([data[0][at], ...data.slice(1).map((values) => (values[at] === null ? "–" : write(values[at])))]);
  }
  return chosen;
}

function isNumber(value) {
  return typeof value === "number" && Number.isFinite(value);
}
