// Which target this is, and whether its figures are fresh.
import { html } from "../../lib/dom.js";
import { time } from "../../lib/format.js";
import { ageOf, isOld } from "../../lib/store.js";
import { Status } from "../../parts/words.js";
import { sinceOf, statusOf } from "./sight.js";

/** @param {{sample: import("../../types.d.ts").Sample, critical: boolean, away: import("./sight.js").Away | null}} props */
export function Head({ sample, critical, away }) {
  const { serverVersion, throttled } = sample.probe;
  return html`<div class="title">
      <h1 tabindex="-1">${sample.target}</h1>
      <a href=${`/targets?region=${encodeURIComponent(sample.region)}`}>${sample.region}</a>
      <${Status} is=${statusOf(sample)} />
      ${critical && html`<span class="tag" title="Its region is unhealthy when it is">importance: critical</span>`}
      ${serverVersion && html`<span class="tag">PostgreSQL ${serverVersion}</span>`}
      <span class=${away || isOld(sample) ? "age is-unhealthy" : "age"}>
        ${away ? `not seen since ${sinceOf(away)}` : `measured ${time(ageOf(sample.timestamp))} ago`}
      </span>
    </div>
    ${throttled && html`<p class="is-degraded">▲ Isobar measures less often here, to stay within its share: ${throttled}</p>`}`;
}
