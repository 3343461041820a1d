// What an operator may do with an incident: take it, or silence it with a duration and a reason.
import { get, send } from "../lib/api.js";
import { html, useState } from "../lib/dom.js";
import { viewer } from "../lib/store.js";
import { takeAlert } from "../lib/stream.js";
import { ByField, Dialog, rememberName } from "./dialog.js";
import { Message } from "./said.js";

/** @typedef {import("../types.d.ts").Alert} Alert */

/** @param {{alert: Alert, onClose: () => void}} props */
function Acknowledge({ alert, onClose }) {
  const submit = async (/** @type {Record<string, string>} */ { by, note }) => {
    rememberName(by ?? "");
    takeAlert(
      await send("POST", `/api/alerts/${encodeURIComponent(alert.id)}/ack`, { by, note: note || null }),
      "acknowledged",
    );
  };
  return html`<${Dialog} title="Take this incident" action="Acknowledge" onClose=${onClose} onSubmit=${submit}>
    <p><${Message} alert=${alert} /></p>
    <${ByField} />
    <label>A note, if you like <input name="note" maxlength="2000" /></label>
  <//>`;
}

/** @param {string} text */
const option = (text) => html`<option value=${text} selected=${text === "1h"}>${text}</option>`;
const LASTS = ["15m", "1h", "4h", "12h", "1d", "7d"];

/** @param {{alert: Alert, onClose: () => void, onDone?: () => void}} props */
function Silence({ alert, onClose, onDone }) {
  const submit = async (/** @type {Record<string, string>} */ { by, reason, duration, scope }) => {
    rememberName(by ?? "");
    const where = { region: alert.region, ...(alert.target === null ? {} : { target: alert.target }) };
    const matchers = scope === "rule" ? { ...where, rule: alert.rule } : where;
    await send("POST", "/api/silences", { matchers, duration, by, reason });
    takeAlert(await get(`/api/alerts/${encodeURIComponent(alert.id)}`));
    onDone?.();
  };
  const what = alert.target === null ? alert.region : `${alert.region} / ${alert.target}`;
  return html`<${Dialog} title="Silence" action="Silence" onClose=${onClose} onSubmit=${submit}>
    <fieldset><legend>What</legend>
      <label><input type="radio" name="scope" value="rule" defaultChecked /> ${alert.rule} at ${what}</label>
      <label><input type="radio" name="scope" value="all" /> everything at ${what}</label>
    </fieldset>
    <label>For <select name="duration">${LASTS.map(option)}</select></label>
    <label>Why, for those who wonder later <input name="reason" required maxlength="2000" /></label>
    <${ByField} />
  <//>`;
}

/** The buttons beside an incident; none for those who may only read. @param {{alert: Alert, onDone?: () => void}} props */
export function Acts({ alert, onDone }) {
  const [open, set] = useState("");
  if (!viewer.acts || alert.state === "resolved") return null;
  const close = () => set("");
  const canTake = alert.state === "firing" || alert.state === "recovering";
  return html`<span class="buttons">
    ${canTake && html`<button type="button" onClick=${() => set("take")}>Acknowledge</button>`}
    <button type="button" onClick=${() => set("silence")}>Silence</button>
    ${open === "take" && html`<${Acknowledge} alert=${alert} onClose=${close} />`}
    ${open === "silence" && html`<${Silence} alert=${alert} onClose=${close} onDone=${onDone} />`}
  </span>`;
}
