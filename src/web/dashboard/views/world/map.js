// The world with its regions on it. Land is drawn; markers and labels are links above it, so that they stay readable at any size.
import { html, useLayoutEffect, useMemo, useRef, useState } from "../../lib/dom.js";
import { time } from "../../lib/format.js";
import { shapeOf } from "../../parts/words.js";
import { LAND } from "../../vendor/land.js";
import { regionPath } from "./headline.js";
import { place, VIEW } from "./place.js";
import { causeOf, inTrouble } from "./regions.js";
import { Ways } from "./ways.js";

/** @typedef {import("./regions.js").Region} Region */

const LONGEST = 192;
const PADDING = 16;
const STEP = 16;
const pen = document.createElement("canvas").getContext("2d");

/** How wide a label is, pixels, in whole steps so that a digit more does not move it. @param {string} name @param {string} note */
function widthOf(name, note) {
  if (!pen) return LONGEST;
  pen.font = "600 12px system-ui, sans-serif"; // as in the style sheet
  const wide = Math.max(pen.measureText(name).width, pen.measureText(`■ ${note}`).width) + PADDING;
  return Math.min(LONGEST, Math.ceil(wide / STEP) * STEP);
}

/** @param {Region} of */
function noteOf(of) {
  const bad = inTrouble(of);
  if (of.cutOff) return "cut off";
  if (of.status === "unknown") return "blind";
  return bad > 0 ? `${bad} of ${of.counts.total} in trouble` : `${of.counts.total} fine`;
}

/** All that is to say, beginning with what is to see. @param {Region} of */
function inWords(of) {
  const { location, latency } = of.view ?? {};
  const near = latency === null || latency === undefined ? "" : `, ${time(latency)} from here`;
  const cause = causeOf(of);
  return `${of.name} ${noteOf(of)}: ${of.cutOff ? "cut off" : of.status}${location ? `, ${location.place}` : ""}${near}${cause && `. ${cause}`}`;
}

/** The size of the drawn element, in pixels. */
function useSize() {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const [size, set] = useState({ width: 0, height: 0 });
  useLayoutEffect(() => {
    if (!box.current) return undefined;
    const watch = new ResizeObserver(([entry]) => {
      if (entry) set({ width: entry.contentRect.width, height: entry.contentRect.height });
    });
    watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  return { box, ...size };
}

/** The land never changes; a node that is the same object is not looked at again. */
const land = html`<svg class="land" viewBox=${`${VIEW.x} ${VIEW.y} ${VIEW.width} ${VIEW.height}`} aria-hidden="true"><path d=${LAND} /></svg>`;

/** @param {{of: Region, at: import("./place.js").Place}} props */
function Marker({ of, at }) {
  const is = of.cutOff ? "unknown" : of.status;
  const said = inWords(of);
  const bad = is === "unknown" ? 0 : inTrouble(of);
  const spot = { left: `${at.x}px`, top: `${at.y}px` };
  const { label } = at;
  const box = label && {
    left: `${label.left}px`,
    top: `${label.top}px`,
    width: `${label.width}px`,
    height: `${label.height}px`,
  };
  const hidden = label ? { tabindex: -1, "aria-hidden": "true" } : { "aria-label": said };
  return html`
    <a class="marker is-${is}" href=${regionPath(of.name)} style=${spot} title=${said} ...${hidden}>${shapeOf(is)}</a>
    ${
      box &&
      html`<a class="label is-${is}" href=${regionPath(of.name)} style=${box} title=${said} aria-label=${said}>
      <b>${at.short ? html`<span aria-hidden="true">${shapeOf(is)} </span>` : null}${of.name}${at.short && bad > 0 ? html` <small>${bad}</small>` : null}</b>
      ${at.short ? null : html` <span>${is === "healthy" ? null : html`<span aria-hidden="true">${shapeOf(is)} </span>`}${noteOf(of)}</span>`}
    </a>`
    }
  `;
}

/** @param {{regions: Region[]}} props */
export function WorldMap({ regions }) {
  const { box, width, height } = useSize();
  const shown = regions.flatMap((of) => (of.view?.location ? [{ of, ...of.view.location }] : []));
  const lost = regions.filter((of) => !of.view?.location);
  const spots = shown.map(({ of, latitude, longitude }) => {
    return {
      name: of.name,
      latitude,
      longitude,
      full: widthOf(of.name, noteOf(of)),
      short: widthOf(`■ ${of.name} ${of.counts.total}`, ""),
    };
  });
  const places = useMemo(
    () => (width > 0 ? place(spots, width, height) : new Map()),
    [JSON.stringify(spots), width, height],
  );
  return html`<figure class="world-map live">
    <div class="globe" ref=${box} role="group" aria-label="Regions on the map">
      ${land}
      <${Ways} places=${places} width=${width} height=${height} />
      ${[...shown]
        .sort((a, b) => (a.of.name < b.of.name ? -1 : 1))
        .map(({ of }) => {
          const at = places.get(of.name);
          return at && html`<${Marker} key=${of.name} of=${of} at=${at} />`;
        })}
    </div>
    ${lost.length > 0 && html`<figcaption>Not on the map, as ${lost.length === 1 ? "it has" : "they have"} no location: ${lost.map((of, index) => html`${index > 0 ? ", " : ""}<a href=${regionPath(of.name)}>${shapeOf(of.cutOff ? "unknown" : of.status)} ${of.name}</a>`)}</figcaption>`}
  </figure>`;
}
