// One target as a tile: filled by its status when it is in trouble, otherwise by the pool's pressure; the bar is the pressure of all.
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
 * @typedef {{region: string, target: string, status: string, fill: string, used: number, load: string, more: string, old: boolean,
 *   small: boolean, first: boolean}} Props
 */

/** All that is to say, beginning with what is to see. @param {Props} props */
function inWords({ region, target, status, used, load, old, more }) {
  const pool = status === "healthy" || used === 0 ? "" : `, pool ${used} %`;
  return `${target} ${load}, in ${region}: ${status}${pool}${old ? ", figures are old" : ""}${more ? `. ${more}` : ""}`;
}

export class Tile extends Steady {
  /** @param {Props} props */
  render(props) {
    const { region, target, status, fill, used, load, old, small, first } = props;
    const said = inWords(props);
    const bar = used > 0 && !small ? { backgroundSize: `${used}% 3px` } : undefined;
    const style = `tile on-${fill}${old ? " old" : ""}`;
    return html`<a class=${style} href=${targetPath(region, target)} style=${bar} tabindex=${first ? 0 : -1} aria-label=${said} title=${said}>
      <b><span aria-hidden="true">${shapeOf(status)}</span>${small ? null : html` <span class="short">${target}</span>${" "}`}</b>
      ${small ? null : html`<span class="load">${load}</span>`}
    </a>`;
  }
}
