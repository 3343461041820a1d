// One chart over time, drawn by uPlot: lines or a stack, incidents as bands, and one crosshair over all charts of a page.
import { html, useEffect, useRef } from "../lib/dom.js";
import { clock, number } from "../lib/format.js";

/** A null is a hole, undefined is joined over. @typedef {{name: string, colour: string, values: (number | null | undefined)[], dash?: boolean}} Line */
/** @typedef {{from: number, to: number, severity: string, what: string}} Band */

const DAY_MS = 86_400_000;
const NUMBER_OF_DAY = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
const MINUTE = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

/** @param {string} name */
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim() || "#888";

/** `light-dark()` is resolved only on an element. @param {HTMLElement} on @param {string} name */
function resolved(on, name) {
  on.style.color = `var(${name})`;
  const found = getComputedStyle(on).color;
  on.style.color = "";
  return found || colour(name);
}

/** @param {any} _plot @param {number[]} splits @param {number} _axis @param {number} _space @param {number} step seconds */
function times(_plot, splits, _axis, _space, step) {
  let day = "";
  return splits.map((at) => {
    const moment = new Date(at * 1000);
    if (step * 1000 >= DAY_MS) return NUMBER_OF_DAY.format(moment);
    const text = step < 60 ? clock(moment, at * 1000) : MINUTE.format(moment);
    const today = NUMBER_OF_DAY.format(moment);
    const isNew = day !== "" && today !== day;
    day = today;
    return isNew ? `${text}\n${today}` : text;
  });
}

/** The same words twice say nothing. @param {number[]} splits @param {(value: number | null) => string} format */
function labels(splits, format) {
  const words = splits.map((value) => format(value));
  return words.map((word, index) => (word === words[index - 1] ? "" : word));
}

/** Each line on top of the ones before it; the topmost first, so that the lower ones are drawn over it. @param {Line[]} lines */
function stacked(lines) {
  const length = lines[0]?.values.length ?? 0;
  const sum = new Array(length).fill(0);
  const all = lines.map((line) =>
    line.values.map((value, index) => {
      if (value === null || value === undefined) return null;
      sum[index] += value;
      return sum[index];
    }),
  );
  return all.reverse();
}

/**
 * @param {{title: string, at: number[], from: number, to: number, lines: Line[], format?: (value: number | null) => string,
 *   stack?: boolean, bands?: Band[], most?: number, note?: any, onSelect?: (from: number, to: number) => void}} props
 */
export function Chart({
  title,
  at,
  from,
  to,
  lines,
  format = (value) => number(value, 1),
  stack = false,
  bands = [],
  most,
  note,
  onSelect,
}) {
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  const legend = useRef(/** @type {HTMLUListElement | null} */ (null));
  const plot = useRef(/** @type {any} */ (null));
  const shown = useRef({ lines, bands, from, to, format, onSelect });
  shown.current = { lines, bands, from, to, format, onSelect };

  /** The values at the crosshair, or the newest. @param {any} of */
  const tell = (of) => {
    const index = of?.cursor?.idx ?? null;
    const { lines: now, format: say } = shown.current;
    now.forEach((line, order) => {
      const place = legend.current?.children[order]?.querySelector("b");
      const last = line.values.length - 1;
      const value = index === null ? (line.values[last] ?? line.values[last - 1]) : line.values[index];
      if (place) place.textContent = say(value ?? null);
    });
  };

  const names = JSON.stringify([lines.map((line) => [line.name, line.colour]), stack, most]);
  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    const make = () => {
      plot.current?.destroy();
      const ink = resolved(element, "--dim");
      const grid = resolved(element, "--line");
      const axis = {
        stroke: ink,
        grid: { stroke: grid, width: 1 },
        ticks: { stroke: grid, width: 1 },
        font: "11px system-ui",
      };
      const drawn = stack ? [...shown.current.lines].reverse() : shown.current.lines;
      const series = drawn.map((line) => {
        const stroke = resolved(element, line.colour);
        return {
          label: line.name,
          stroke,
          width: 1.4,
          fill: stack ? stroke : undefined,
          dash: line.dash ? [5, 4] : undefined,
          points: { show: false },
        };
      });
      plot.current = new uPlot(
        {
          width: element.clientWidth || 400,
          height: 150,
          padding: [8, 8, 0, 0],
          legend: { show: false },
          cursor: {
            sync: { key: "time", scales: ["x", null] },
            drag: { x: true, y: false, setScale: false },
            points: { show: false },
          },
          scales: {
            x: { time: true, range: () => [shown.current.from / 1000, shown.current.to / 1000] },
            y: { range: (_u, _low, high) => [0, Math.max(most ?? 0, high ?? 0) * 1.08 || 1] },
          },
          axes: [
            { ...axis, values: times, space: 64 },
            { ...axis, size: 62, space: 34, values: (_u, splits) => labels(splits, shown.current.format) },
          ],
          series: [{}, ...series],
          hooks: {
            drawClear: [(u) => shade(u, shown.current.bands, element)],
            setCursor: [tell],
            setSelect: [
              (u) => {
                if (u.select.width < 8) return;
                const [begin, end] = [u.select.left, u.select.left + u.select.width].map(
                  (x) => u.posToVal(x, "x") * 1000,
                );
                u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
                shown.current.onSelect?.(begin, end);
              },
            ],
          },
        },
        [[], ...drawn.map(() => [])],
        element,
      );
      fill();
    };
    const fill = () => {
      const { lines: all } = shown.current;
      plot.current?.setData([plot.current.times ?? [], ...(stack ? stacked(all) : all.map((line) => line.values))]);
    };
    make();
    const sized = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: 150 }));
    sized.observe(element);
    scheme.addEventListener("change", make);
    return () => {
      sized.disconnect();
      scheme.removeEventListener("change", make);
      plot.current?.destroy();
      plot.current = null;
    };
  }, [names]);

  useEffect(() => {
    if (!plot.current) return;
    plot.current.times = at;
    plot.current.setData([at, ...(stack ? stacked(lines) : lines.map((line) => line.values))]);
    tell(plot.current);
  });

  return html`<figure class="chart live" aria-label=${title}>
    <figcaption>${title}${note ? html` <small>${note}</small>` : null}</figcaption>
    <div ref=${box} class="plot"></div>
    <ul ref=${legend} class="legend">
      ${lines.map((line) => html`<li key=${line.name}><i class=${line.dash ? "dash" : ""} style=${{ color: `var(${line.colour})` }}></i>${line.name} <b></b></li>`)}
    </ul>
  </figure>`;
}

/** Incidents lie behind the lines, with a solid edge on top, so that they are seen without their colour. @param {any} u @param {Band[]} bands @param {HTMLElement} element */
function shade(u, bands, element) {
  const { ctx } = u;
  const { left, top, width, height } = u.bbox;
  ctx.save();
  for (const band of bands) {
    const begin = Math.max(left, u.valToPos(band.from / 1000, "x", true));
    const end = Math.min(left + width, Math.max(u.valToPos(band.to / 1000, "x", true), begin + 2));
    if (begin > left + width || end < left) continue;
    const fill = resolved(
      element,
      band.severity === "critical" || band.severity === "high" ? "--unhealthy" : "--degraded",
    );
    ctx.fillStyle = fill;
    ctx.globalAlpha = 0.14;
    ctx.fillRect(begin, top, end - begin, height);
    ctx.globalAlpha = 1;
    ctx.fillRect(begin, top, end - begin, 3 * devicePixelRatio);
  }
  ctx.restore();
}
