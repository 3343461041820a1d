// How each channel is, and a test message to see that it arrives.
import { send, useAnswer } from "../../lib/api.js";
import { html, useState } from "../../lib/dom.js";
import { count } from "../../lib/format.js";
import { viewer } from "../../lib/store.js";
import { Table } from "../../parts/table.js";
import { Ago, Empty, Waiting } from "../../parts/words.js";

/**
 * @typedef {{
 *   name: string, kind: string, queued: number, sent: number, failures: number, dead: number,
 *   lastSentAt: string | null, lastError: string | null,
 * }} Channel
 */

const AGAIN_MS = 5000;

/** @param {{name: string, onDone: () => void}} props */
function Test({ name, onDone }) {
  const [said, say] = useState("");
  const [busy, work] = useState(false);
  const press = async () => {
    work(true);
    say("sending …");
    try {
      const { answer } = await send("POST", `/api/channels/${encodeURIComponent(name)}/test`);
      say(`✓ sent: ${answer}`);
    } catch (error) {
      say(`■ not sent: ${/** @type {Error} */ (error).message}`);
    } finally {
      work(false);
      onDone();
    }
  };
  return html`
    <button type="button" disabled=${busy} onClick=${press} aria-label=${`Send a test to ${name}`}>Send a test</button>
    ${" "}<span role="status" class="wrap">${said}</span>
  `;
}

/** @param {{channel: Channel, onDone: () => void}} props */
function Row({ channel, onDone }) {
  return html`<tr>
    <th scope="row" class="left"><span class="wrap">${channel.name}</span> <small>${channel.kind}</small></th>
    <td>${count(channel.queued)}</td>
    <td>${count(channel.sent)}</td>
    <td>${count(channel.failures)}</td>
    <td class=${channel.dead > 0 ? "is-unhealthy" : ""}>${channel.dead > 0 ? "■ " : ""}${count(channel.dead)}</td>
    <td><${Ago} at=${channel.lastSentAt} /></td>
    <td class="left wrap">${channel.lastError === null ? "–" : html`<span class="is-unhealthy">■ ${channel.lastError}</span>`}</td>
    ${viewer.acts && html`<td class="left"><${Test} name=${channel.name} onDone=${onDone} /></td>`}
  </tr>`;
}

/** @type {import("../../parts/table.js").Column[]} */
const COLUMNS = [
  ["channel"],
  ["waiting", true],
  ["sent", true],
  ["failed calls", true],
  ["given up", true],
  ["last sent, ago", true],
  ["last error"],
];

export function Channels() {
  const { data, error, again } = useAnswer("/api/channels", AGAIN_MS);
  const channels = /** @type {Channel[]} */ (data?.channels ?? []);
  const rows = channels.map((channel) => html`<${Row} key=${channel.name} channel=${channel} onDone=${again} />`);
  const columns = viewer.acts ? [...COLUMNS, ["test"]] : COLUMNS;
  return html`<section>
    <h2>Channels</h2>
    ${(data === null || error) && html`<${Waiting} error=${error} what="channels" />`}
    ${data && rows.length === 0 && html`<${Empty}>No channel is configured: nobody is told of incidents outside this page.<//>`}
    ${rows.length > 0 && html`<${Table} name="Channels" columns=${columns} kind="own-table">${rows}<//>`}
  </section>`;
}
