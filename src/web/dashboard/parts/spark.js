// A line without axes: how something went.
import { html } from "../lib/dom.js";

const WIDTH = 96;
const HEIGHT = 20;

/** @param {{values: (number | null)[], label: string}} props */
export function Spark({ values, label }) {
  const known = values.filter((value) => value !== null);
  if (known.length < 2) return html`<span class="empty">–</span>`;
  const most = Math.max(...known, Number.MIN_VALUE);
  let pen = "M";
  const path = values
    .map((value, index) => {
      if (value === null) {
        pen = "M";
        return "";
      }
      const at = `${pen}${((index / (values.length - 1)) * WIDTH).toFixed(1)} ${(HEIGHT - 1 - (value / most) * (HEIGHT - 2)).toFixed(1)}`;
      pen = "L";
      return at;
    })
    .join("");
  return html`<svg class="spark" width=${WIDTH} height=${HEIGHT} viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label=${label}><path d=${path} /></svg>`;
}
