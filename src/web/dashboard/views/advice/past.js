// Earlier advice that was taken: what was said would come, and what came.
import { html } from "../../lib/dom.js";
import { DASH, percent, time, words } from "../../lib/format.js";
import { targetPath } from "../../lib/route.js";
import { Moment } from "../../parts/words.js";
import { interval } from "./figures.js";

/** @typedef {import("../../types.d.ts").Recommendation} Recommendation */
/** @typedef {import("../../types.d.ts").Outcome} Outcome */

/** @type {Record<string, string>} */
const VERDICTS = {
  measuring: "… being measured",
  as_predicted: "● as predicted",
  better: "● better than predicted",
  worse: "▲ worse than predicted",
  not_comparable: "? not comparable: the load is another, or nothing was predicted",
};

/** @param {Outcome} outcome */
function verdictOf({ verdict, withinBounds }) {
  const word = verdict === null ? "?" : (VERDICTS[verdict] ?? words(verdict));
  if (withinBounds === null) return word;
  return `${word}, ${withinBounds ? "within" : "outside"} the bounds`;
}

/** @param {{one: Recommendation, outcome: Outcome}} props */
function Came({ one, outcome }) {
  const { predicted } = outcome;
  const row = (/** @type {string} */ name, /** @type {any} */ said, /** @type {string} */ came) =>
    html`<tr><th scope="row" class="left">${name}</th><td>${said}</td><td>${came}</td></tr>`;
  const wait = predicted ? html`${time(predicted.meanWaitMs)} <small>${interval(predicted)}</small>` : DASH;
  const held = html`${time(outcome.serviceBeforeMs)} <small>before</small>`;
  return html`<article class="card past-card">
    <h3 class="wrap">${one.title}</h3>
    <p class="where">
      <a class="wrap" href=${targetPath(one.region, one.target)}>${one.region} / ${one.target}</a>
      <span>set to <b>${outcome.to}</b> <${Moment} at=${outcome.takenAt} /></span>
    </p>
    <table>
      <thead><tr><td></td><th scope="col">predicted</th><th scope="col">came</th></tr></thead>
      <tbody>
        ${row("mean wait", wait, time(outcome.meanWaitMs))}
        ${row("utilization", percent(predicted?.utilization, 0), percent(outcome.utilization, 0))}
        ${row("a transaction holds a connection", held, time(outcome.serviceMs))}
      </tbody>
    </table>
    <p class=${`verdict ${outcome.verdict ?? ""}`}>${verdictOf(outcome)}</p>
  </article>`;
}

/** @param {import("../../types.d.ts").Recommendations["score"]} score */
function sentence({ compared, withinBounds, asPredicted }) {
  if (compared === 0) return "None could be compared with its prediction yet.";
  const changes =
    compared === 1 ? "Of the one change that could be compared" : `Of ${compared} changes that could be compared`;
  return `${changes}, ${withinBounds} came within the prediction's bounds and ${asPredicted} as predicted.`;
}

/** @param {{past: Recommendation[], score: import("../../types.d.ts").Recommendations["score"], isWhole: boolean}} props */
export function Past({ past, score, isWhole }) {
  if (past.length === 0 && !(isWhole && score.compared > 0)) return null;
  const came = (/** @type {Recommendation} */ one) =>
    one.outcome && html`<${Came} key=${`${one.id} ${one.outcome.takenAt}`} one=${one} outcome=${one.outcome} />`;
  return html`<section>
    <h2>What came of earlier advice <small>${past.length}</small></h2>
    ${isWhole && html`<p>${sentence(score)}</p>`}
    <div class="advice">${past.map(came)}</div>
  </section>`;
}
