// Size, ages, and what runs out when.
import { html } from "../../lib/dom.js";
import { bytes, count, percent, rate } from "../../lib/format.js";
import { Figure, Moment } from "../../parts/words.js";

/** @param {{sample: import("../../types.d.ts").Sample, vitals: any, trends: import("../../types.d.ts").Trends | null}} props */
export function Upkeep({ sample, vitals, trends }) {
  const upkeep = vitals?.upkeep;
  const host = vitals?.host;
  const forecasts = trends?.forecasts ?? [];
  const growth = sample.database.growthPerDay ?? trends?.growthPerDay ?? null;
  return html`<section>
    <h2>Size and upkeep</h2>
    <dl class="figures">
      <${Figure} name="Database" value=${bytes(sample.database.sizeBytes)} note=${growth === null ? "growth not known yet" : `${percent(growth)} a day`} />
      ${host?.diskFreeBytes !== null && host?.diskFreeBytes !== undefined && html`<${Figure} name="Disk free" value=${bytes(host.diskFreeBytes)} note=${host.diskSizeBytes ? `of ${bytes(host.diskSizeBytes)}` : null} />`}
      ${upkeep?.xidAge !== null && upkeep?.xidAge !== undefined && html`<${Figure} name="Oldest transaction id" value=${percent(upkeep.xidAge / 2 ** 31)} note=${`${count(upkeep.xidAge)} of 2³¹`} />`}
      ${upkeep?.walBytesPerSecond !== null && upkeep?.walBytesPerSecond !== undefined && html`<${Figure} name="WAL" value=${`${bytes(upkeep.walBytesPerSecond)}/s`} />`}
      ${upkeep?.tempBytesPerSecond !== null && upkeep?.tempBytesPerSecond !== undefined && html`<${Figure} name="Temporary files" value=${`${bytes(upkeep.tempBytesPerSecond)}/s`} />`}
      ${upkeep?.autovacuumWorkers !== null && upkeep?.autovacuumWorkers !== undefined && html`<${Figure} name="Autovacuum" value=${`${upkeep.autovacuumWorkers} of ${upkeep.autovacuumMaxWorkers ?? "–"}`} note="workers" />`}
      ${upkeep?.xidsPerSecond !== null && upkeep?.xidsPerSecond !== undefined && html`<${Figure} name="Transaction ids" value=${rate(upkeep.xidsPerSecond, " /s")} />`}
    </dl>
    <h3>What runs out</h3>
    ${forecasts.length === 0 ? html`<p class="empty">Nothing, as far as the past tells.</p>` : html`<ul class="wrong">${forecasts.map((one) => html`<li key=${one.what + one.subject}>◆ <span>${one.sentence}</span> <small>between <${Moment} at=${one.earliest} /> and <${Moment} at=${one.latest} /></small></li>`)}</ul>`}
  </section>`;
}
