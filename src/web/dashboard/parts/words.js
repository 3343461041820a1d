// Small words that every view uses: each colour has a shape and a text beside it.
import { html } from "../lib/dom.js";
import { age, clock, utc, words } from "../lib/format.js";
import { now } from "../lib/store.js";

const STATUS = { healthy: "●", degraded: "▲", unhealthy: "■", unknown: "?" };
const SEVERITY = { critical: "■", high: "▲", medium: "◆", low: "●" };
const STATE = { pending: "…", firing: "!", acknowledged: "✓", recovering: "↘", resolved: "●" };

/** The shape alone, where the word stands beside it anyway. @param {string} word */
export const shapeOf = (word) => STATUS[/** @type {keyof typeof STATUS} */ (word)] ?? "?";

/** @param {{is: string, note?: string}} props */
export function Status({ is, note }) {
  const known = is in STATUS ? is : "unknown";
  return html`<span class="word is-${known}"><span class="shape" aria-hidden="true">${shapeOf(is)}</span> ${note ?? is}</span>`;
}

/** @param {{is: string}} props */
export function Severity({ is }) {
  const shape = SEVERITY[/** @type {keyof typeof SEVERITY} */ (is)];
  return html`<span class="word at-${shape ? is : "low"}"><span class="shape" aria-hidden="true">${shape ?? "?"}</span> ${is}</span>`;
}

/** @param {{is: string}} props */
export function AlertState({ is }) {
  const shape = STATE[/** @type {keyof typeof STATE} */ (is)] ?? "?";
  return html`<span class="word state-${is in STATE ? is : "pending"}"><span class="shape" aria-hidden="true">${shape}</span> ${words(is)}</span>`;
}

/** A moment by the local clock; UTC for who points at it. @param {{at: string | null | undefined}} props */
export function Moment({ at }) {
  return at ? html`<time datetime=${at} title=${utc(at)}>${clock(at, now())}</time>` : html`<span>–</span>`;
}

/** How long ago; the moment itself for who points at it. @param {{at: string | null | undefined}} props */
export function Ago({ at }) {
  return at
    ? html`<time datetime=${at} title=${`${clock(at, now())} · ${utc(at)}`}>${age(now() - Date.parse(at))}</time>`
    : html`<span>–</span>`;
}

/** Why there is nothing to see. @param {{children?: any}} props */
export const Empty = ({ children }) => html`<p class="empty">${children}</p>`;

/** What an answer lacks: still on its way, or refused with the server's words. @param {{error: Error | null, what?: string}} props */
export function Waiting({ error, what = "it" }) {
  return error
    ? html`<p class="refused" role="alert"><span aria-hidden="true">■</span> ${error.message}</p>`
    : html`<p class="empty" role="status">loading ${what} …</p>`;
}

/** A figure with its name and unit. @param {{name: string, value: string, note?: string | null, is?: string}} props */
export function Figure({ name, value, note, is }) {
  return html`<div class="figure ${is ?? ""}"><dt>${name}</dt><dd>${value}${note ? html`<small>${note}</small>` : null}</dd></div>`;
}
