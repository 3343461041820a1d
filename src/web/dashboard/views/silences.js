// What holds alerts back, now or later, and by whose word.
import { Refused, send, useAnswer } from "../lib/api.js";
import { html, useState } from "../lib/dom.js";
import { age, words } from "../lib/format.js";
import { now, useWorld, viewer } from "../lib/store.js";
import { Dialog } from "../parts/dialog.js";
import { Empty, Moment, Waiting } from "../parts/words.js";
import { NewSilence } from "./silences/new.js";

/** @typedef {import("../types.d.ts").Silence} Silence */

const AGAIN_MS = 10_000;
const KINDS = { api: "made by hand", silence: "in the configuration", maintenance: "maintenance" };

/** @param {{matchers: Silence["matchers"]}} props */
const Matchers = ({ matchers }) =>
  html`<span class="matchers">${Object.entries(matchers)
    .filter(([, value]) => value)
    .map(([name, value]) => html`<code class="wrap">${name}: ${value}</code>`)}</span>`;

/** @param {{silence: Silence, onClose: () => void, onDone: () => void}} props */
function End({ silence, onClose, onDone }) {
  const submit = async () => {
    await send("DELETE", `/api/silences/${encodeURIComponent(silence.id)}`);
    onDone();
  };
  return html`<${Dialog} title="End this silence" action="End it now" onClose=${onClose} onSubmit=${submit}>
    <p><${Matchers} matchers=${silence.matchers} /></p>
    <p class="wrap">“<bdi>${silence.reason}</bdi>”, <bdi>${silence.by}</bdi>. What it hides now will be told.</p>
  <//>`;
}

/** When it holds, in words. @param {{silence: Silence}} props */
function When({ silence: { startsAt, endsAt, schedule, active } }) {
  const ms = endsAt ? Date.parse(endsAt) - now() : 0;
  const left = active && ms > 0 ? html` <small>${age(ms)} left</small>` : null;
  return html`
    ${schedule && html`<span>${schedule}</span>`}
    ${!schedule && !startsAt && !endsAt && html`<span>always</span>`}
    ${!active && startsAt && Date.parse(startsAt) > now() ? html`<span>from <${Moment} at=${startsAt} /></span>` : null}
    ${endsAt && html`<span>until <${Moment} at=${endsAt} />${left}</span>`}`;
}

/** @param {{silence: Silence, hides: number, onEnd: () => void}} props */
function Row({ silence, hides, onEnd }) {
  const hidden = `${hides} incident${hides === 1 ? "" : "s"}`;
  return html`<li class=${`silence-row ${silence.active ? "" : "idle"}`}>
    <div class="how"><b>${silence.active ? "◼ holds" : "◻ later"}</b> <small>${KINDS[silence.kind] ?? words(silence.kind)}</small></div>
    <div class="what"><${Matchers} matchers=${silence.matchers} /><span class="wrap">“<bdi>${silence.reason}</bdi>”, <b>${silence.by}</b></span></div>
    <div class="when"><${When} silence=${silence} /></div>
    <div class="who">${hides > 0 && html`<a href=${`/incidents?text=${encodeURIComponent(`/${silence.id}`)}`}>hides ${hidden}</a>`}</div>
    <div class="do">${silence.kind === "api" && html`<button type="button" onClick=${onEnd}>End</button>`}</div>
  </li>`;
}

/** @param {Silence} one @param {Silence} other */
const byUse = (one, other) =>
  Number(other.active) - Number(one.active) ||
  Date.parse(one.endsAt ?? "9999-12-31") - Date.parse(other.endsAt ?? "9999-12-31");

function List() {
  const { alerts } = useWorld(1000);
  const { data, error, again } = useAnswer("/api/silences", AGAIN_MS);
  const [open, set] = useState(/** @type {Silence | "new" | null} */ (null));
  const close = () => set(null);
  if (data === null) {
    return error instanceof Refused && error.status === 403
      ? html`<${OnlyOperators} />`
      : html`<${Waiting} error=${error} what="silences" />`;
  }
  const silences = /** @type {Silence[]} */ (data.silences).toSorted(byUse);
  const hides = (/** @type {Silence} */ { id, kind }) =>
    [...alerts.values()].filter(
      ({ suppressedBy }) => suppressedBy === `${kind === "maintenance" ? kind : "silence"}/${id}`,
    ).length;
  const row = (/** @type {Silence} */ one) =>
    html`<${Row} key=${`${one.kind}/${one.id}`} silence=${one} hides=${hides(one)} onEnd=${() => set(one)} />`;
  return html`
    <p><button type="button" class="main" onClick=${() => set("new")}>New silence</button></p>
    ${error && html`<${Waiting} error=${error} />`}
    ${
      silences.length === 0
        ? html`<${Empty}>Nothing is silenced.<//>`
        : html`<ul class="silences">${silences.map(row)}</ul>`
    }
    ${open === "new" && html`<${NewSilence} onClose=${close} onDone=${again} />`}
    ${open !== null && open !== "new" && html`<${End} silence=${open} onClose=${close} onDone=${again} />`}
  `;
}

const OnlyOperators = () =>
  html`<${Empty}>
    Silences, with who made them and why, are for operators; you are signed in to read.
    What is hidden stands among the <a href="/incidents">incidents</a> all the same.
  <//>`;

export function Silences() {
  return html`<h1 tabindex="-1">Silences</h1>${viewer.acts ? html`<${List} />` : html`<${OnlyOperators} />`}`;
}
