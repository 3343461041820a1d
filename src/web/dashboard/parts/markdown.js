// Our runbooks' part of Markdown, as vnodes: what stands in the text stays text.
import { html } from "../lib/dom.js";
import { Command } from "./command.js";

/**
 * How a text is drawn: how much deeper its headings stand, and what a link to the page beside it does.
 * @typedef {{deeper: number, onPage?: (name: string) => void}} How
 * @typedef {[vnode: any, next: number] | null} Taken what was read, and the line after it
 */

const FENCE = /^\s*```\s*(\w*)\s*$/;
const HEADING = /^(#{1,6})\s+(.*)$/;
const ITEM = /^(\s*)([-*]|\d+\.)\s+(.*)$/;
const BENEATH_HEAD = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;
const INLINE =
  /`([^`]+)`|!?\[([^\]]*)\]\(([^)\s]+)\)|\*\*(.+?)\*\*|(?<![\w*])[*_]([^*_]+)[*_](?![\w*])|\\([!-/:-@[-`{-~])/g;
const PAGE = /^([a-z_]+)\.md$/;

const isBlank = (/** @type {string | undefined} */ line) => line === undefined || line.trim() === "";

/** @param {string} text @param {string} to @param {How} how */
function linked(text, to, how) {
  const page = PAGE.exec(to)?.[1];
  if (/^https?:\/\//.test(to)) return html`<a href=${to} rel="noreferrer">${inline(text, how)}</a>`;
  if (page !== undefined && how.onPage) {
    return html`<button type="button" class="as-link" onClick=${() => how.onPage?.(page)}>${inline(text, how)}</button>`;
  }
  return inline(text, how);
}

/** @param {string} text @param {How} how @returns {any[]} */
function inline(text, how) {
  const made = [];
  let from = 0;
  for (const found of text.matchAll(INLINE)) {
    const [all, code, label, to, strong, stressed, sign] = found;
    made.push(text.slice(from, found.index));
    if (code !== undefined) made.push(html`<code>${code}</code>`);
    else if (to !== undefined) made.push(all.startsWith("!") ? label : linked(label ?? "", to, how));
    else if (strong !== undefined) made.push(html`<strong>${inline(strong, how)}</strong>`);
    else if (stressed !== undefined) made.push(html`<em>${inline(stressed, how)}</em>`);
    else made.push(sign);
    from = found.index + all.length;
  }
  made.push(text.slice(from));
  return made.filter((part) => part !== "");
}

/**
 * Commands with what they answer: only a command is to be copied; a listing alone has none.
 * @param {string[]} lines
 * @returns {[command: string, answer: string][]}
 */
function commands(lines) {
  const typed = lines.flatMap((line, at) => (line.startsWith("$ ") ? [at] : []));
  if (typed.length > 0) {
    return typed.map((at, nth) => [(lines[at] ?? "").slice(2), lines.slice(at + 1, typed[nth + 1]).join("\n")]);
  }
  const end = lines.findIndex((line) => line.trimEnd().endsWith(";")) + 1;
  if (end === 0 || !/^[A-Z]/.test(lines[0] ?? "")) return [["", lines.join("\n")]];
  return [[lines.slice(0, end).join("\n"), lines.slice(end).join("\n")]];
}

/** @param {string[]} lines @param {number} at @returns {Taken} */
function fence(lines, at) {
  const opened = FENCE.exec(lines[at] ?? "");
  if (!opened) return null;
  const indent = (lines[at] ?? "").search(/\S/);
  let end = at + 1;
  while (end < lines.length && !FENCE.test(lines[end] ?? "")) end += 1;
  const code = lines.slice(at + 1, end).map((line) => (isBlank(line.slice(0, indent)) ? line.slice(indent) : line));
  const parts = opened[1] === "text" ? commands(code) : [[code.join("\n"), ""]];
  const shown = parts.map(
    ([command, answer]) => html`${command ? html`<${Command} text=${command} />` : null}
      ${answer?.trim() ? html`<p class="example">For example${command ? ", it answers" : ""}:</p><pre class="answer" tabindex="0" aria-label="what it answers, for example">${answer}</pre>` : null}`,
  );
  return [html`<div class="code">${shown}</div>`, end + 1];
}

/** @param {string[]} lines @param {number} at @param {How} how @returns {Taken} */
function heading(lines, at, how) {
  const found = HEADING.exec(lines[at] ?? "");
  if (!found) return null;
  const level = Math.min(6, (found[1]?.length ?? 1) + how.deeper);
  return [html`<${`h${level}`}>${inline(found[2] ?? "", how)}<//>`, at + 1];
}

/**
 * The lines of one item without its mark and indent, and the line after them.
 * @param {string[]} lines
 * @param {number} at
 * @param {number} indent
 * @returns {[string[], number]}
 */
function item(lines, at, indent) {
  const own = [(lines[at] ?? "").slice(indent)];
  let next = at + 1;
  for (; next < lines.length; next += 1) {
    const line = lines[next] ?? "";
    const isInside = isBlank(line) || line.search(/\S/) >= indent;
    // A paragraph may go on without an indent.
    const goesOn = !isBlank(own.at(-1)) && !begins(line);
    if (!isInside && !goesOn) break;
    own.push(isInside ? line.slice(indent) : line);
  }
  return [own, next];
}

/** @param {string[]} lines @param {number} at @param {How} how @returns {Taken} */
function list(lines, at, how) {
  const first = ITEM.exec(lines[at] ?? "");
  if (!first) return null;
  const isOrdered = /\d/.test(first[2] ?? "");
  const items = [];
  let next = at;
  while (next < lines.length) {
    const mark = ITEM.exec(lines[next] ?? "");
    if (!mark || /\d/.test(mark[2] ?? "") !== isOrdered) break;
    const [own, after] = item(lines, next, mark[0].length - (mark[3]?.length ?? 0));
    const content = blocks(own, how);
    items.push(html`<li>${content.length === 1 && content[0].type === "p" ? content[0].props.children : content}</li>`);
    next = after;
  }
  return [isOrdered ? html`<ol>${items}</ol>` : html`<ul>${items}</ul>`, next];
}

/** @param {string} line */
const cells = (line) =>
  line
    .trim()
    .replace(/^\||\|$/g, "")
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim());

/** @param {string[]} lines @param {number} at @param {How} how @returns {Taken} */
function table(lines, at, how) {
  if (!lines[at]?.includes("|") || !BENEATH_HEAD.test(lines[at + 1] ?? "")) return null;
  let end = at + 2;
  while (lines[end]?.includes("|")) end += 1;
  const row = (/** @type {string} */ line) =>
    html`<tr>${cells(line).map((cell) => html`<td class="left">${inline(cell, how)}</td>`)}</tr>`;
  const head = cells(lines[at] ?? "").map((cell) => html`<th class="left" scope="col">${inline(cell, how)}</th>`);
  const body = lines.slice(at + 2, end).map(row);
  return [
    html`<div class="scroll" tabindex="0"><table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>`,
    end,
  ];
}

/** Whether something else than a paragraph begins here. @param {string} line */
const begins = (line) => isBlank(line) || FENCE.test(line) || HEADING.test(line) || ITEM.test(line);

/** @param {string[]} lines @param {number} at @param {How} how @returns {Taken} */
function paragraph(lines, at, how) {
  let end = at + 1;
  while (end < lines.length && !begins(lines[end] ?? "")) end += 1;
  const text = lines
    .slice(at, end)
    .map((line) => line.trim())
    .join(" ");
  return [html`<p>${inline(text, how)}</p>`, end];
}

/** @param {string[]} lines @param {How} how @returns {any[]} */
function blocks(lines, how) {
  const made = [];
  let at = 0;
  while (at < lines.length) {
    if (isBlank(lines[at])) {
      at += 1;
      continue;
    }
    const taken =
      fence(lines, at) ??
      heading(lines, at, how) ??
      list(lines, at, how) ??
      table(lines, at, how) ??
      paragraph(lines, at, how);
    if (!taken) break;
    made.push(taken[0]);
    at = taken[1];
  }
  return made;
}

/** @param {{text: string, deeper?: number, onPage?: (name: string) => void}} props */
export function Markdown({ text, deeper = 1, onPage }) {
  return html`<div class="markdown">${blocks(text.split(/\r?\n/), { deeper, onPage })}</div>`;
}
