// Figures of the service: Prometheus' text read, and small plots. Pure but for the elements it makes.

import { el, svg } from "./dom.js";

const WIDTH = 320;
const HEIGHT = 120;
const BOTTOM = 16;

/** [{name, labels, value}] of a /metrics page. */
export function samples(text) {
  return text.split("\n").filter((line) => line && line[0] !== "#").map((line) => {
    const [, name, inner, value] = line.match(/^([^{\s]+)(?:\{(.*)\})?\s+(\S+)/);
    const labels = Object.fromEntries([...(inner ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, v]) => [key, v]));
    return { name, labels, value: Number(value) };
  });
}

/** Seconds below which this share of a histogram's observations lie, by its buckets; null without any. */
export function quantile(buckets, share) {
  const total = buckets.at(-1)?.count ?? 0;
  if (!total) return null;
  let [low, before] = [0, 0];
  for (const { le, count } of buckets) {
    if (count >= share * total) return le === Infinity ? low : low + ((le - low) * (share * total - before)) / Math.max(count - before, 1);
    [low, before] = [le, count];
  }
  return low;
}

/** Stage -> its buckets, in order. */
export function stages(found) {
  const by = new Map();
  for (const { name, labels, value } of found) {
    if (name !== "keystep_stage_seconds_bucket") continue;
    if (!by.has(labels.stage)) by.set(labels.stage, []);
    by.get(labels.stage).push({ le: labels.le === "+Inf" ? Infinity : Number(labels.le), count: value });
  }
  for (const buckets of by.values()) buckets.sort((a, b) => a.le - b.le);
  return by;
}

/** A distribution over [0, most]. */
export function bars(counts, most) {
  const top = Math.max(...counts, 1);
  const wide = WIDTH / counts.length;
  const drawn = counts.map((n, i) => {
    const tall = (n / top) * (HEIGHT - BOTTOM - 12);
    return n ? svg("rect", { class: "fill", x: i * wide + 0.8, y: HEIGHT - BOTTOM - tall, width: wide - 1.6, height: tall }, svg("title", {}, `${n} rollouts`)) : null;
  });
  return plot(drawn, "0", String(most), String(Math.max(...counts)));
}

/** Values by their index; null interrupts the line. */
export function line(values, low, high) {
  const known = values.filter((v) => v !== null);
  const [from, to] = [low ?? Math.min(...known, 0), high ?? Math.max(...known, 1e-9)];
  const x = (i) => (values.length < 2 ? WIDTH / 2 : (i / (values.length - 1)) * WIDTH);
  const y = (v) => HEIGHT - BOTTOM - ((v - from) / (to - from || 1)) * (HEIGHT - BOTTOM - 12);
  let pen = "M";
  const path = values.map((v, i) => {
    if (v === null) return ((pen = "M"), "");
    const part = `${pen}${x(i).toFixed(1)} ${y(v).toFixed(1)}`;
    pen = "L";
    return part;
  }).join(" ");
  return plot([svg("path", { class: "line", d: path })], "earlier", "now", Number(to.toPrecision(3)).toString());
}

function plot(drawn, left, right, top) {
  return svg("svg", { class: "plot", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" }, drawn,
    svg("line", { class: "axis", x1: 0, y1: HEIGHT - BOTTOM, x2: WIDTH, y2: HEIGHT - BOTTOM }),
    svg("text", { x: 0, y: HEIGHT - 3 }, left), svg("text", { x: WIDTH, y: HEIGHT - 3, "text-anchor": "end" }, right), svg("text", { x: 0, y: 9 }, top));
}

/** Rows of names and numbers, the largest first. */
export function tally(counts, words) {
  const rows = Object.entries(counts).sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
  if (!rows.length) return el("p", { class: "small" }, "none");
  return el("table", {}, el("tbody", {}, rows.map(([name, n]) => el("tr", {}, el("td", { title: words?.[name] ?? null }, name), el("td", { class: "number" }, String(n))))));
}
