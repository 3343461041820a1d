// Size, ages, and what runs out when.
import { html } from "../../lib/dom.js";
import { bytes, count, DASH, isKnown, percent, rate } from "../../lib/format.js";
import { Figure, Moment } from "../../parts/words.js";

/** @typedef {import("../../types.d.ts").Forecast} Forecast */

const ALL_IDS = 2 ** 31;

/** Name, value and what stands below, of what is known. @param {any} upkeep @param {any} host */
function known(upkeep, host) {
  const all = [
    ["Disk free", host?.diskFreeBytes, bytes, host?.diskSizeBytes ? `of ${bytes(host.diskSizeBytes)}` : null],
    [
      "Oldest transaction id",
      upkeep?.xidAge,
      (/** @type {number} */ age) => percent(age / ALL_IDS),
      `${count(upkeep?.xidAge)} of 2³¹`,
    ],
    ["WAL", upkeep?.walBytesPerSecond, (/** @type {number} */ pace) => `${bytes(pace)}/s`, null],
    ["Temporary files", upkeep?.tempBytesPerSecond, (/** @type {number} */ pace) => `${bytes(pace)}/s`, null],
    [
      "Autovacuum",
      upkeep?.autovacuumWorkers,
      (/** @type {number} */ workers) => `${workers} of ${upkeep?.autovacuumMaxWorkers ?? DASH}`,
      "workers",
    ],
    ["Transaction ids", upkeep?.xidsPerSecond, (/** @type {number} */ pace) => rate(pace, " /s"), null],
  ];
  return all.filter(([, value]) => isKnown(value));
}

/** @param {Forecast} one */
const forecast = (one) => html`<li key=${one.what + one.subject}>
  ◆ <span>${one.sentence}</span>
  <small>between <${Moment} at=${one.earliest} /> and <${Moment} at=${one.latest} /></small>
</li>`;

/**
 * @param {{sample: import("../../types.d.ts").Sample, vitals: any, trends: import("../../types.d.ts").Trends | null,
 *   growth: number | null, isOld: boolean}} props
 */
export function Upkeep({ sample, vitals, trends, growth, isOld }) {
  const forecasts = trends?.forecasts ?? [];
  const grows = growth === null ? "growth not known yet" : `${percent(growth)} a day`;
  return html`<section>
    <h2>Size and upkeep ${isOld && html`<small>as it was told last</small>`}</h2>
    <dl class=${isOld ? "figures old" : "figures"}>
      <${Figure} name="Database" value=${bytes(sample.database.sizeBytes)} note=${grows} />
      ${known(vitals?.upkeep, vitals?.host).map(
        ([name, value, say, note]) => html`<${Figure} key=${name} name=${name} value=${say(value)} note=${note} />`,
      )}
    </dl>
    <h3>What runs out</h3>
    ${
      forecasts.length === 0
        ? html`<p class="empty">Nothing, as far as the past tells.</p>`
        : html`<ul class="wrong">${forecasts.map(forecast)}</ul>`
    }
  </section>`;
}
