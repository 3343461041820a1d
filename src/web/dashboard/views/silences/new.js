// Asks for a new silence. What matches nothing at all is refused by the server, whose words are shown.
import { send } from "../../lib/api.js";
import { html } from "../../lib/dom.js";
import { world } from "../../lib/store.js";
import { ByField, Dialog, rememberName } from "../../parts/dialog.js";

const MATCHERS = ["region", "target", "rule", "severity"];
const SEVERITIES = ["critical", "high", "medium", "low"];
const LASTS = ["15m", "1h", "4h", "12h", "1d", "7d"];

/** @param {string} name */
function known(name) {
  const samples = [...world.samples.values()];
  if (name === "severity") return SEVERITIES;
  if (name === "rule") return [...new Set([...world.alerts.values()].map((alert) => alert.rule))];
  return [...new Set(samples.map((sample) => (name === "region" ? sample.region : sample.target)))].slice(0, 200);
}

/** @param {{onClose: () => void, onDone: () => void}} props */
export function NewSilence({ onClose, onDone }) {
  const submit = async (/** @type {Record<string, string>} */ values) => {
    const { by = "", reason, duration } = values;
    rememberName(by);
    const matchers = Object.fromEntries(MATCHERS.flatMap((name) => (values[name] ? [[name, values[name]]] : [])));
    await send("POST", "/api/silences", { matchers, duration, by, reason });
    onDone();
  };
  return html`<${Dialog} title="New silence" action="Silence" onClose=${onClose} onSubmit=${submit}>
    <fieldset><legend>What: all that is given must match</legend>
      <p class="empty">* stands for any text, ? for any character; what is left empty matches all.</p>
      ${MATCHERS.map(
        (
          name,
        ) => html`<label>${name} <input name=${name} list=${`known-${name}`} maxlength="200" autocomplete="off" placeholder="*" />
        <datalist id=${`known-${name}`}>${known(name).map((one) => html`<option value=${one} />`)}</datalist></label>`,
      )}
    </fieldset>
    <label>For how long <input name="duration" list="known-durations" required defaultValue="1h" autocomplete="off" />
      <datalist id="known-durations">${LASTS.map((text) => html`<option value=${text} />`)}</datalist></label>
    <label>Why, for those who wonder later <input name="reason" required maxlength="2000" /></label>
    <${ByField} />
  <//>`;
}
