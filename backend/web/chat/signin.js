// Signing in: the one-use code in the address, or a pasted token. The token stays in this tab.
import { html, useState } from "../vendor/vendor.js";
import { call } from "../lib/api.js";
import { signedOutBecause, signIn } from "../lib/store.js";
import { Button } from "../lib/ui.js";

const HOW = "Run `lantern open` in a terminal to get a new link.";

/** Reads `#code=...`, takes it out of the address bar at once, and exchanges it for the token. */
export async function takeCode() {
  const code = new URLSearchParams(location.hash.slice(1)).get("code");
  if (code === null) return;
  history.replaceState(null, "", location.pathname);
  signedOutBecause.value = "Signing in …";
  try {
    signIn((await call("POST", "/signin", { code })).token);
  } catch (failure) {
    const used = "This link was used before, or is too old.";
    signedOutBecause.value = failure.code === "unauthorized" ? `${used} ${HOW}` : failure.message;
  }
}

/** Checks a pasted token before it is used. */
async function tryToken(value) {
  const response = await fetch("models", { headers: { Authorization: `Bearer ${value}` }, cache: "no-store" });
  if (response.status === 401) throw new Error("This is not the server's token. `lantern token` prints it.");
  if (!response.ok) throw new Error(`The server answers ${response.status}.`);
}

export function SignIn() {
  const [value, setValue] = useState("");
  const say = (words) => (signedOutBecause.value = words);
  const submit = async (event) => {
    event.preventDefault();
    const token = value.trim();
    if (!/^[\x21-\x7e]+$/.test(token)) return say("Paste the token: one line of letters and digits.");
    try {
      await tryToken(token);
      return signIn(token);
    } catch (failure) {
      return say(failure instanceof TypeError ? "Lantern does not answer. Is `lantern serve` running?" : failure.message);
    }
  };
  return html`
    <main class="signin">
      <img src="web/icon.svg" alt="" width="56" height="56" />
      <h1>Lantern</h1>
      <p>Answers questions about your code, on this machine.</p>
      ${signedOutBecause.value && html`<p class="note" role="alert">${signedOutBecause.value}</p>`}
      <ol class="signin-steps">
        <li>Run <code>lantern open</code> in a terminal. It opens this page signed in.</li>
        <li>Or paste the token that <code>lantern token</code> prints:</li>
      </ol>
      <form onSubmit=${submit} class="row">
        <label class="visually-hidden" for="token">Token</label>
        <input id="token" class="field" type="password" autocomplete="off" spellcheck="false" value=${value}
          placeholder="Token" onInput=${(event) => setValue(event.target.value)} />
        <${Button} kind="primary" type="submit">Sign in<//>
      </form>
      <p class="muted">The token stays in this tab and is gone when you close it.</p>
    </main>`;
}
