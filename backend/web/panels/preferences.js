// Theme and model of this browser, and the list of shortcuts.
import { html } from "../vendor/vendor.js";
import { SHORTCUTS } from "../lib/keys.js";
import { model, models, openPanel, signOut, theme } from "../lib/store.js";
import { Button } from "../lib/ui.js";

const THEMES = [["system", "As the system"], ["light", "Light"], ["dark", "Dark"]];

/** "ArrowUp in an empty question": the key, and when it counts. */
function Keys({ keys }) {
  const [key, ...when] = keys.split(" ");
  return html`<kbd>${key}</kbd> ${when.join(" ")}`;
}

export function Preferences({ panels }) {
  const own = models.value.find((one) => one.default)?.id ?? "chosen by the server";
  const opening = panels.filter((one) => one.key).map(({ key, title }) => [`Alt+${key.toUpperCase()}`, title]);
  return html`
    <fieldset class="preference"><legend>Colours</legend>
      <div class="segments">${THEMES.map(([value, words]) => html`
        <label key=${value}><input type="radio" name="theme" value=${value} checked=${theme.value === value}
          onChange=${() => (theme.value = value)} /><span>${words}</span></label>`)}</div>
    </fieldset>
    <div class="preference"><h3>Model</h3>
      <div class="row"><span class="grow">${model.value || own}</span>
        <${Button} onClick=${() => openPanel("models")}>Change<//></div>
    </div>
    <div class="preference"><h3>Shortcuts</h3>
      <table class="shortcuts"><tbody>
        ${[...SHORTCUTS, ...opening].map(([keys, words]) => html`
          <tr key=${keys}><th scope="row"><${Keys} keys=${keys} /></th><td>${words}</td></tr>`)}
      </tbody></table>
    </div>
    <div class="preference"><${Button} onClick=${() => signOut("You signed out of this tab.")}>Sign out of this tab<//></div>`;
}
