// Where markers and their labels stand on the map, in pixels, so that no label covers another.

/** The part of the world that is shown, in the units of the land: x is longitude + 180, y is 90 − latitude. */
export const VIEW = { x: 8, y: 6, width: 352, height: 142 };
export const LABEL_HEIGHT = 36;
const MARKER = 20;
const GAP = 4;
const STEP = 12;

/** @typedef {{name: string, latitude: number, longitude: number, label: number, must: boolean}} Spot `label` is its width; `must` that it may not be left out */
/** @typedef {{left: number, top: number, width: number, height: number}} Box */
/** @typedef {{x: number, y: number, label: Box | null, far: boolean}} Place `far` when a line has to say whose label it is */

/** @param {Box} a @param {Box} b */
const meet = (a, b) =>
  a.left < b.left + b.width + GAP && b.left < a.left + a.width + GAP && a.top < b.top + b.height + GAP && b.top < a.top + a.height + GAP;

/** @param {number} x @param {number} y @returns {Box} */
const around = (x, y) => ({ left: x - MARKER / 2, top: y - MARKER / 2, width: MARKER, height: MARKER });

/** Two regions in one town stand side by side. @param {Spot[]} spots @param {number} width @param {number} height */
function markers(spots, width, height) {
  /** @type {{x: number, y: number}[]} */
  const placed = [];
  for (const { latitude, longitude } of spots) {
    const inside = (/** @type {number} */ at, /** @type {number} */ size) => Math.min(size - MARKER / 2, Math.max(MARKER / 2, at));
    let x = inside(((longitude + 180 - VIEW.x) / VIEW.width) * width, width);
    const y = inside(((90 - latitude - VIEW.y) / VIEW.height) * height, height);
    while (placed.some((other) => Math.abs(other.x - x) < MARKER && Math.abs(other.y - y) < MARKER)) x += MARKER / 2;
    placed.push({ x, y });
  }
  return placed;
}

/** Places for a label, the nearest to its marker first. @param {number} x @param {number} y @param {number} label @param {number} reach */
function* nearby(x, y, label, reach) {
  const side = MARKER / 2 + GAP;
  for (let away = 0; away <= reach; away += STEP) {
    const lifts = away === 0 ? [0] : [-away, away];
    for (const lift of lifts) {
      const top = y - LABEL_HEIGHT / 2 + lift;
      yield { left: x + side, top };
      yield { left: x - side - label, top };
    }
    yield { left: x - label / 2, top: y + side + away };
    yield { left: x - label / 2, top: y - side - LABEL_HEIGHT - away };
  }
  // Anywhere along these heights.
  for (let away = 0; away <= reach; away += STEP) {
    for (const lift of [-away, away]) for (let shift = -reach; shift <= reach; shift += STEP) yield { left: x + shift, top: y + lift };
  }
}

/** @param {Spot[]} spots @param {number} width @param {number} height @param {number} reach */
function attempt(spots, width, height, reach) {
  const points = markers(spots, width, height);
  const taken = points.map(({ x, y }) => around(x, y));
  let left = 0;
  /** @type {Map<string, Place>} */
  const places = new Map();
  spots.forEach(({ name, label, must }, index) => {
    const { x, y } = /** @type {{x: number, y: number}} */ (points[index]);
    /** @type {Box | null} */
    let found = null;
    for (const { left: at, top } of nearby(x, y, label, must ? Math.max(width, height) : reach)) {
      const box = { left: at, top, width: label, height: LABEL_HEIGHT };
      const inside = at >= 0 && top >= 0 && at + label <= width && top + LABEL_HEIGHT <= height;
      if (inside && !taken.some((other) => meet(box, other))) {
        found = box;
        break;
      }
    }
    if (found) taken.push(found);
    else left += 1;
    const side = { left: x - MARKER, top: y - MARKER, width: 2 * MARKER, height: 2 * MARKER };
    places.set(name, { x, y, label: found, far: found !== null && !meet(found, side) });
  });
  return { places, left };
}

/**
 * Labels keep their places while the world changes; where there is no room for all, those in trouble come first and healthy
 * ones keep their marker alone.
 * @param {Spot[]} spots @param {number} width @param {number} height
 * @returns {Map<string, Place>}
 */
export function place(spots, width, height) {
  const named = [...spots].sort((a, b) => (a.name < b.name ? -1 : 1));
  const all = attempt(named.map((spot) => ({ ...spot, must: false })), width, height, 90);
  if (all.left === 0) return all.places;
  return attempt([...named.filter(({ must }) => must), ...named.filter(({ must }) => !must)], width, height, 90).places;
}
