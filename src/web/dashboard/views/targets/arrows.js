// Moving between tiles with the arrow keys: one of them is in the tab order, the one that was last stood on.

/** @param {DOMRect} from @param {DOMRect} to @param {string} arrow whether `to` lies that way */
const lies = (from, to, arrow) => (arrow === "ArrowDown" ? to.top >= from.bottom - 1 : to.bottom <= from.top + 1);

/** The nearest tile in the next row that way. @param {HTMLElement[]} tiles @param {HTMLElement} at @param {string} arrow */
function across(tiles, at, arrow) {
  const from = at.getBoundingClientRect();
  let best = null;
  let least = Number.POSITIVE_INFINITY;
  for (const tile of tiles) {
    const to = tile.getBoundingClientRect();
    // A row further counts more than any way along it.
    const far = Math.abs(to.top - from.top) * 1000 + Math.abs(to.left - from.left);
    if (lies(from, to, arrow) && far < least) [best, least] = [tile, far];
  }
  return best;
}

/** @param {HTMLElement[]} tiles @param {HTMLElement} at @param {string} arrow */
function next(tiles, at, arrow) {
  const index = tiles.indexOf(at);
  if (arrow === "ArrowRight") return tiles[index + 1];
  if (arrow === "ArrowLeft") return tiles[index - 1];
  if (arrow === "Home") return tiles[0];
  if (arrow === "End") return tiles.at(-1);
  return arrow === "ArrowDown" || arrow === "ArrowUp" ? across(tiles, at, arrow) : undefined;
}

/** @param {KeyboardEvent & {currentTarget: any}} event */
export function walk(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const box = /** @type {HTMLElement} */ (event.currentTarget);
  const tiles = /** @type {HTMLElement[]} */ ([...box.querySelectorAll(".tile")]);
  const at = /** @type {HTMLElement | null} */ (event.target instanceof Element ? event.target.closest(".tile") : null);
  const to = at && next(tiles, at, event.key);
  if (!to) return;
  event.preventDefault();
  to.focus();
  to.scrollIntoView({ block: "nearest" });
}
