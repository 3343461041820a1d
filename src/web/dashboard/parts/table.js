// A table that scrolls by itself where it is wider than the page; the keyboard reaches it.
import { html } from "../lib/dom.js";

/** @typedef {[name: string, isFigure?: boolean]} Column figures stand on the right */

/** @param {{name: string, columns: Column[], kind?: string, isLive?: boolean, children?: any}} props */
export function Table({ name, columns, kind = "", isLive = false, children }) {
  const head = columns.map(
    ([column, isFigure]) => html`<th scope="col" class=${isFigure ? "" : "left"}>${column}</th>`,
  );
  return html`<div class=${isLive ? "scroll live" : "scroll"} role="region" aria-label=${name} tabindex="0">
    <table class=${kind}><thead><tr>${head}</tr></thead><tbody>${children}</tbody></table>
  </div>`;
}
