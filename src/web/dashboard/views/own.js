// Isobar itself: whether it is ready, who runs it, what it costs, and whether it can tell anybody.
import { html } from "../lib/dom.js";
import { clock } from "../lib/format.js";
import { link, now, useWorld, viewer } from "../lib/store.js";
import { Empty, Figure, Status, Waiting } from "../parts/words.js";
import { busOf, leadersOf, nodesOf, useReady, useRegions } from "./own/asked.js";
import { Channels } from "./own/channels.js";
import { Impact } from "./own/impact.js";
import { Regions } from "./own/regions.js";

/** @param {{ready: import("./own/asked.js").Ready}} props */
function Readiness({ ready }) {
  const isReady = ready.status === "ready";
  const note = isReady ? "ready: everything that should be seen is seen" : "not ready";
  const lacks = ready.notReady.map(({ region, cause }) => html`<li class="wrap"><b>${region}</b>: ${cause}</li>`);
  const warning = (/** @type {string} */ text) =>
    html`<li class="wrap"><span class="is-degraded" aria-hidden="true">▲</span> ${text}</li>`;
  return html`
    <p><${Status} is=${isReady ? "healthy" : "unhealthy"} note=${note} /></p>
    ${lacks.length > 0 && html`<ul>${lacks}</ul>`}
    ${
      ready.warnings.length > 0
        ? html`<h3>Worth knowing <small>${ready.warnings.length}</small></h3>
      <ul class="warnings">${ready.warnings.map(warning)}</ul>`
        : html`<${Empty}>No warnings.<//>`
    }
  `;
}

export function Own() {
  useWorld(1000);
  const { data: ready, error: notTold } = useReady();
  const { regions, error } = useRegions();
  const nodes = regions ? nodesOf(regions) : [];
  const leaders = regions ? leadersOf(regions) : [];
  const bus = regions ? busOf(regions) : null;
  const stream = link.live ? "live" : `broken since ${clock(link.since, now())}`;
  return html`
    <h1 tabindex="-1">Isobar itself</h1>
    <dl class="figures">
      <${Figure} name="version" value=${viewer.version || "–"} />
      <${Figure} name="this node" value=${viewer.node || "–"} />
      <${Figure} name="nodes" value=${nodes.length || "–"} note=${leaders.length > 0 ? `led by ${leaders.join(", ")}` : null} />
      <${Figure} name="bus" value=${bus?.text ?? "…"} is=${bus?.is === "trouble" ? "is-unhealthy" : ""} />
      <${Figure} name="this page's stream" value=${stream} is=${link.live ? "" : "is-unhealthy"} />
    </dl>
    <h2>Readiness</h2>
    ${ready ? html`<${Readiness} ready=${ready} />` : null}
    ${(ready === null || notTold) && html`<${Waiting} error=${notTold} what="readiness" />`}
    <h2>Regions and nodes</h2>
    ${regions && html`<${Regions} regions=${regions} />`}
    ${(regions === null || error) && html`<${Waiting} error=${error} what="regions" />`}
    <${Channels} />
    <${Impact} />
    <h2>For programs</h2>
    <p>The same and more: <a href="/metrics">/metrics</a> for Prometheus, <a href="/openapi.json">/openapi.json</a> describes the API.</p>
  `;
}
