// What to change, most valuable first; of what nothing can be said; and what came of earlier advice.
import { useAnswer } from "../lib/api.js";
import { html } from "../lib/dom.js";
import { ask, targetPath } from "../lib/route.js";
import { useWorld } from "../lib/store.js";
import { Empty, Waiting } from "../parts/words.js";
import { AdviceCard } from "./advice/card.js";
import { Past } from "./advice/past.js";

/** @typedef {import("../types.d.ts").Recommendations} Recommendations */

const AGAIN_MS = 10_000;

/** @param {{label: string, name: string, value: string, values: string[]}} props */
function Choice({ label, name, value, values }) {
  const all = [...new Set(value ? [...values, value] : values)].sort();
  const choose = (/** @type {Event} */ event) =>
    ask({ [name]: /** @type {HTMLSelectElement} */ (event.currentTarget).value });
  return html`<label>${label} <select value=${value} onChange=${choose}>
    <option value="">all</option>${all.map((one) => html`<option key=${one} value=${one}>${one}</option>`)}
  </select></label>`;
}

/** @param {{region: string, target: string}} asked */
function Filters({ region, target }) {
  const samples = [...useWorld(5000).samples.values()];
  const targets = samples.filter((sample) => !region || sample.region === region).map((sample) => sample.target);
  return html`<form class="filters" role="search" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
    <${Choice} label="Region" name="region" value=${region} values=${samples.map((sample) => sample.region)} />
    <${Choice} label="Target" name="target" value=${target} values=${targets} />
  </form>`;
}

/** @param {{unknown: Recommendations["unknown"]}} props */
function Unknown({ unknown }) {
  if (unknown.length === 0) return null;
  return html`<section>
    <h2>Of these nothing can be said <small>${unknown.length}</small></h2>
    <ul class="unknown">${unknown.map(
      (one) => html`<li key=${`${one.region}/${one.target}/${one.subject}`}>
      <a class="wrap" href=${targetPath(one.region, one.target)}>${one.region} / ${one.target}</a>
        ${" "}<b class="wrap">${one.subject}</b> <span class="wrap">${one.cause}</span>
    </li>`,
    )}</ul>
  </section>`;
}

/** @param {{query: URLSearchParams}} props */
export function Advice({ query }) {
  const region = query.get("region") ?? "";
  const target = query.get("target") ?? "";
  const { data, error } = useAnswer("/api/recommendations", AGAIN_MS);
  const all = /** @type {Recommendations | null} */ (data);
  const asked = (/** @type {{region: string, target: string}} */ one) =>
    (!region || one.region === region) && (!target || one.target === target);
  const now = all?.recommendations.filter(asked) ?? [];
  const past = all?.past.filter(asked) ?? [];
  return html`
    <h1 tabindex="-1">Advice</h1>
    <p class="empty">What to change, the most valuable first. Isobar changes nothing itself.</p>
    <${Filters} region=${region} target=${target} />
    ${(all === null || error) && html`<${Waiting} error=${error} what="advice" />`}
    ${
      all &&
      html`
      <h2>To change <small>${now.length}</small></h2>
      ${
        now.length === 0
          ? html`<${Empty}>Nothing to change ${region || target ? "here" : "anywhere"} now.<//>`
          : html`<div class="advice wide">${now.map((one) => html`<${AdviceCard} key=${one.id} one=${one} />`)}</div>`
      }
      <${Unknown} unknown=${all.unknown.filter(asked)} />
      <${Past} past=${past} score=${all.score} isWhole=${!region && !target} />`
    }
  `;
}
