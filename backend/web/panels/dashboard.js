// How fast and how reliable the answers are, over time: plots, the same numbers as tables, and the models' states.
import { html, useState } from "../vendor/vendor.js";
import { address, get } from "../lib/api.js";
import { bytes, visible } from "../lib/format.js";
import { models, openPanel, preference } from "../lib/store.js";
import { Button, Empty, ErrorNote } from "../lib/ui.js";
import { loadModels } from "../chat/actions.js";
import { clock, loadPlots, Plot } from "./plots.js";
import { usePolling } from "./polling.js";
import { CHARTS, columns, rows, summary, UNITS } from "./series.js";
import { isVirtual, modelState } from "./wording.js";

const PAUSE_MS = 5000;
const SPANS = [[900, "15 min"], [3600, "1 h"], [21600, "6 h"], [86400, "1 day"]];
const span = preference("dashboard-span", 3600);
const isTable = preference("dashboard-table", false);

export function Dashboard() {
  const [history, setHistory] = useState(null);
  const [error, setError] = useState(null);
  usePolling(async () => {
    try {
      await loadPlots();
      setHistory(await get(address("/metrics/history", { since: span.value })));
      setError(null);
    } catch (failure) {
      setError(failure);
    }
    await loadModels();
  }, PAUSE_MS, [span.value]);
  return html`
    <div class="toolbar dashboard-tools">
      <div class="segments" role="group" aria-label="Time shown">
        ${SPANS.map(([seconds, words]) => html`<button key=${seconds} type="button" aria-pressed=${span.value === seconds}
          onClick=${() => (span.value = seconds)}>${words}</button>`)}
      </div>
      <${Button} kind="quiet" aria-pressed=${isTable.value} onClick=${() => (isTable.value = !isTable.value)}>As tables<//>
    </div>
    ${error && html`<${ErrorNote} error=${error} />`}
    ${!history && !error && html`<p class="muted" role="status">Reading …</p>`}
    ${history && html`<${Charts} history=${history} />`}`;
}

function Charts({ history }) {
  const charts = CHARTS.map((chart) => ({ chart, found: columns(history, chart) })).filter(({ found }) => found);
  const isQuiet = !charts.some(({ chart }) => chart.unit === "seconds");
  return html`
    ${isQuiet && html`<${Empty} title="No answers yet"><p>Ask a question: how long it takes is shown here.</p><//>`}
    <div class="charts">
      ${charts.map(({ chart, found }) => html`<${Chart} key=${chart.title} chart=${chart} found=${found} />`)}
      <${Residents} />
    </div>`;
}

function Chart({ chart, found }) {
  const { write } = UNITS[chart.unit];
  const last = (n) => write(found.data[n + 1].findLast((value) => value !== null));
  return html`
    <section class="chart">
      <header><h2>${chart.title}</h2>
        <p class="chart-now">${found.series.map(({ label }, n) => html`<span key=${label} title=${label}>${last(n)}</span>`)}</p>
      </header>
      <p class="muted small">${chart.help}</p>
      ${isTable.value
        ? html`<${Table} chart=${chart} found=${found} />`
        : html`<p class="visually-hidden">${summary(chart, found)}</p><${Plot} chart=${chart} columns=${found} />`}
    </section>`;
}

const Table = ({ chart, found }) => html`
  <div class="table-box" tabindex="0" role="region" aria-label=${`${chart.title}, table`}><table class="numbers">
    <thead><tr><th scope="col">Time</th>${found.series.map(({ label }) => html`<th key=${label} scope="col">${label}</th>`)}</tr></thead>
    <tbody>${rows(chart, found).map(([time, ...values]) => html`
      <tr key=${time}><th scope="row">${clock(time)}</th>${values.map((value, n) => html`<td key=${n}>${value}</td>`)}</tr>`)}
    </tbody></table></div>`;

/** The models that are here, and what they hold. */
function Residents() {
  const list = models.value.filter((one) => one.state !== "missing" && !isVirtual(one));
  if (!list.length) {
    return html`<section class="chart"><h2>Models</h2><p class="muted">No model is installed: answers quote the code.</p>
      <${Button} onClick=${() => openPanel("models")}>Download one<//></section>`;
  }
  return html`
    <section class="chart"><h2>Models</h2>
      <table class="numbers"><thead><tr><th scope="col">Model</th><th scope="col">State</th><th scope="col">Memory</th></tr></thead>
        <tbody>${list.map((one) => html`
          <tr key=${one.id}><th scope="row">${visible(one.id)}</th>
            <td><span class=${`badge state-${one.state}`}>${modelState(one.state)}</span></td>
            <td>${one.resident_bytes ? bytes(one.resident_bytes) : "–"}</td></tr>`)}
        </tbody></table>
    </section>`;
}
