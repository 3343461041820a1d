// One target as a tile: its colour is the pool's pressure, its shape the status.
import { Component, html } from "../../lib/dom.js";
import { targetPath } from "../../lib/route.js";
import { shapeOf } from "../../parts/words.js";

/** Draws again only when one of the props, all of them plain, is another. A thousand of these are asked each second. */
export class Steady extends Component {
  /** @param {any} next */
  shouldComponentUpdate(next) {
    const mine = /** @type {any} */ (this).props;
    for (const name in next) if (next[name] !== mine[name]) return true;
    return false;
  }

  /** @param {any} _props @returns {any} */
  render(_props) {
    return null;
  }
}

/**
 * @typedef {{region: string, target: string, status: string, level: string, load: string, more: string, old: boolean,
 *   small: boolean, first: boolean}} Props
 */

/** All that is to say, beginning with what is to see. @param {Props} props */
function inWords({ region, target, status, load, old, more }) {
  return `${target} ${load}, in ${region}: ${status}${old ? ", figures are old" : ""}${more ? `. ${more}` : ""}`;
}

export class Tile extends Steady {
  /** @param {Props} props */
  render(props) {
    const { region, target, status, load, level, old, small, first } = props;
    const said = inWords(props);
    const style = `tile on-${level} is-${status}${old ? " old" : ""}`;
    return html`<a class=${style} href=${targetPath(region, target)} tabindex=${first ? 0 : -1} aria-label=${said} title=${said}>
      <b><span aria-hidden="true">${shapeOf(status)}</span>${small ? null : html` <span class="short">${target}</span>${" "}`}</b>
      ${small ? null : html`<span class="load">${load}</span>`}
    </a>`;
  }
}
