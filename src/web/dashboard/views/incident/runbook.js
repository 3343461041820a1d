// The rule's page of the runbook, beside the incident; its neighbours open in the same place.
import { getText, useAnswer } from "../../lib/api.js";
import { html, useEffect, useState } from "../../lib/dom.js";
import { words } from "../../lib/format.js";
import { Markdown } from "../../parts/markdown.js";
import { Waiting } from "../../parts/words.js";

/** @param {{link: string, rule: string}} props */
const Elsewhere = ({ link, rule }) =>
  /^https?:\/\//.test(link)
    ? html`<p><a class="wrap" href=${link} rel="noreferrer">The runbook of ${words(rule)}</a></p>`
    : html`<p class="wrap">The runbook of ${words(rule)}: ${link}</p>`;

/** @param {{rule: string, link: string}} props */
export function Runbook({ rule, link }) {
  const [page, open] = useState(rule);
  useEffect(() => open(rule), [rule]);
  const { data, error } = useAnswer(`/api/runbooks/${encodeURIComponent(page)}`, undefined, getText);
  if (error && /** @type {import("../../lib/api.js").Refused} */ (error).status === 404) {
    return html`<h2>Runbook</h2><${Elsewhere} link=${link} rule=${rule} />`;
  }
  return html`
    ${page !== rule && html`<p class="above"><button type="button" onClick=${() => open(rule)}>← ${words(rule)}</button></p>`}
    ${
      data === null
        ? html`<h2>Runbook</h2><${Waiting} error=${error} what="the runbook" />`
        : html`<${Markdown} text=${data} onPage=${open} />`
    }
  `;
}
