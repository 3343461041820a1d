// What happened and why, and who was told of it.
import { html } from "../../lib/dom.js";
import { time, words } from "../../lib/format.js";
import { Table } from "../../parts/table.js";
import { Empty, Moment } from "../../parts/words.js";

/** @typedef {import("../../types.d.ts").Delivery} Delivery */
/** @typedef {import("../../types.d.ts").AlertStep} AlertStep */

const SHAPES = { queued: "…", sending: "→", sent: "✓", failed: "■", cancelled: "–" };

/** @type {import("../../parts/table.js").Column[]} */
const COLUMNS = [["channel"], ["of what"], ["decided"], ["how far"], ["attempts", true], ["answer"]];

/** @param {Delivery} delivery */
function stateOf({ state, queuedAt, sentAt }) {
  const took = sentAt ? ` after ${time(Math.max(0, Date.parse(sentAt) - Date.parse(queuedAt)))}` : "";
  return `${SHAPES[/** @type {keyof typeof SHAPES} */ (state)] ?? "?"} ${words(state)}${took}`;
}

/** @param {{deliveries: Delivery[]}} props */
export function Told({ deliveries }) {
  const row = (/** @type {Delivery} */ one) => {
    const notes = [one.inDigest && "in a digest", one.possibleRepeat && "may have arrived twice"]
      .filter(Boolean)
      .join(", ");
    return html`<tr key=${`${one.key} ${one.recipient}`} class=${`delivery-${one.state}`}>
      <td class="left"><b class="wrap">${one.channel}</b>${one.recipient && html` <small class="wrap">${one.recipient}</small>`}</td>
      <td class="left">${words(one.event)}</td>
      <td class="left"><${Moment} at=${one.queuedAt} /></td>
      <td class="left how-far">${stateOf(one)}${notes && html` <small>${notes}</small>`}</td>
      <td>${one.attempts}</td>
      <td class="left wrap">${one.answer ?? "–"}</td>
    </tr>`;
  };
  return html`<section>
    <h2>Who was told</h2>
    ${
      deliveries.length === 0
        ? html`<${Empty}>Nobody. No channel is configured for it, or none was due yet; <a href="/status">Isobar itself</a> lists the channels.<//>`
        : html`<${Table} name="Who was told" columns=${COLUMNS} kind="told">${deliveries.map(row)}<//>`
    }
  </section>`;
}

const MOMENT = /(\d{4}-\d\d-\d\dT[\d:.]+Z)/;

/** Moments within a sentence are told by the local clock too. @param {string} text */
const spoken = (text) => text.split(MOMENT).map((part, nth) => (nth % 2 ? html`<${Moment} at=${part} />` : part));

/** @param {{steps: AlertStep[]}} props */
export function Steps({ steps }) {
  if (steps.length === 0) return null;
  const step = (/** @type {AlertStep} */ { at, what, text }) =>
    html`<li><${Moment} at=${at} /> <b>${words(what)}</b> <span class="wrap">${spoken(text)}</span></li>`;
  return html`<section>
    <h2>What happened</h2>
    <ol class="steps">${steps.map(step)}</ol>
  </section>`;
}
