// The monitor: asked every two seconds, drawn anew each time.

import * as api from "./api.js";
import { byId, el, theming, told } from "./dom.js";
import { bars, line, quantile, samples, stages, tally } from "./figures.js";
import { FLAGS, REASONS } from "./words.js";

const EVERY = 2000;
const NAMES = { reward: "Reward", step_rar: "StepRAR", step_rvr: "StepRVR", outcome: "Outcome", key_steps_matched: "Key steps matched" };
const before = { at: null, rollouts: null };

const percent = (part, whole) => (whole ? `${((100 * part) / whole).toFixed(1)} %` : "–");
const sum = (found, name) => found.filter((s) => s.name === name).reduce((total, s) => total + s.value, 0);

function tile(name, value, about) {
  return el("div", { class: "card" }, el("h3", {}, name), el("div", { class: "value" }, value), about ? el("div", { class: "small" }, about) : null);
}

function rate(found) {
  const [now, rollouts] = [performance.now(), sum(found, "keystep_rollouts_total")];
  const per = before.at === null ? null : (1000 * (rollouts - before.rollouts)) / (now - before.at);
  Object.assign(before, { at: now, rollouts });
  return per;
}

function drawTiles(seen, found) {
  const { components: c } = seen;
  const per = rate(found);
  return el("section", { class: "tiles", "aria-label": "in short" },
    tile("Rollouts a second", per === null ? "–" : told(per, per < 10 ? 1 : 0), `${sum(found, "keystep_inflight_rollouts")} in flight`),
    tile("Mean reward", told(c.reward.mean), `of the last ${seen.rollouts} rollouts`),
    tile("Right", percent(c.outcome.mean ?? 0, c.outcome.decided ? 1 : 0), `${c.outcome.decided} decided`),
    tile("Zero variance", percent(seen.zero_variance, seen.groups), `of ${seen.groups} groups: no signal`),
    tile("Undecided", percent(seen.rollouts - c.reward.decided, seen.rollouts), `${seen.rollouts - c.reward.decided} rollouts`));
}

function drawAlarms(seen) {
  if (!seen.alarms.length) {
    const words = seen.points.length < 6 ? "Too few rollouts yet to tell." : "Nothing in the dynamics looks like a hack.";
    return el("section", { class: "card calm", "aria-label": "hack alarm" }, el("h3", {}, "Hack alarm"), el("p", {}, words));
  }
  const one = (alarm) => el("li", {}, el("span", { class: "tag flag" }, alarm.rule), " ", alarm.message, el("p", { class: "small" }, "Look at ", alarm.evidence.map(([group, id], i) => [i ? ", " : "", el("a", { href: `./#${new URLSearchParams({ group, rollout: id })}` }, `${id} of ${group}`)]).flat()));
  return el("section", { class: "card alarm", role: "alert", "aria-label": "hack alarm" }, el("h3", {}, "Hack alarm"), el("ul", {}, seen.alarms.map(one)));
}

function drawPlots(seen) {
  const series = (name) => seen.points.map((point) => point[name]);
  const card = (title, about, drawn) => el("div", { class: "card" }, el("h3", {}, title), drawn, about ? el("p", { class: "small" }, about) : null);
  const distributions = Object.entries(NAMES).map(([name, words]) => card(`${words}, distribution`, `mean ${told(seen.components[name].mean, 3)}`, bars(seen.components[name].bars, seen.components[name].most)));
  const courses = [["reward", "Reward", 0, 2.1], ["outcome", "Right", 0, 1], ["key_steps_matched", "Key steps matched", 0, 1], ["step_rvr", "StepRVR", 0, 1], ["zero_variance", "Zero-variance groups", 0, 1], ["length", "Length, characters", 0, null]]
    .map(([name, words, low, high]) => card(`${words}, over time`, null, seen.points.length ? line(series(name), low, high) : el("p", { class: "small" }, "A point is drawn every 64 rollouts.")));
  return [el("section", { class: "plots", "aria-label": "over time" }, courses), el("section", { class: "plots", "aria-label": "distributions" }, distributions)];
}

function drawCounts(seen, found) {
  const lookups = Object.fromEntries(found.filter((s) => s.name === "keystep_key_step_lookups_total").map((s) => [s.labels.cached, s.value]));
  const [hits, misses] = [lookups.true ?? 0, lookups.false ?? 0];
  const ms = (seconds) => (seconds === null ? "–" : `${told(1000 * seconds, 1)} ms`);
  const latencies = [...stages(found)].map(([stage, buckets]) => el("tr", {}, el("td", {}, stage), el("td", { class: "number" }, ms(quantile(buckets, 0.5))), el("td", { class: "number" }, ms(quantile(buckets, 0.99)))));
  const card = (title, ...inside) => el("div", { class: "card" }, el("h3", {}, title), inside);
  const stopped = sum(found, "keystep_ledger_stopped") > 0;
  const [written, lost] = ["written", "lost"].map((status) => found.find((s) => s.name === "keystep_ledger_rollouts_total" && s.labels.status === status)?.value);
  return el("section", { class: "plots", "aria-label": "counts" },
    card("Undecided, by reason", tally(seen.undecided, REASONS)), card("Flags", tally(seen.flags, FLAGS)),
    card("Latency by stage", el("table", {}, el("thead", {}, el("tr", {}, el("th", {}, "since the start"), el("th", { class: "number" }, "half within"), el("th", { class: "number" }, "99 % within"))), el("tbody", {}, latencies))),
    card("Key-step cache", el("p", {}, hits + misses ? `${percent(hits, hits + misses)} of ${hits + misses} lookups were cached` : "no key steps were looked up"), el("p", { class: "small" }, "since the start")),
    written === undefined ? null : card("Ledger", el("p", { class: stopped ? "bad" : null }, stopped ? "stopped: it cannot be written" : `${written} rollouts written`), el("p", { class: "small" }, `${lost} lost`)));
}

function drawShadow(shadow) {
  if (!shadow) return null;
  const kinds = ["up", "down", "decided", "undecided"];
  const rows = Object.entries(shadow.changes).map(([name, n]) => el("tr", {}, el("td", {}, NAMES[name]), kinds.map((kind) => el("td", { class: "number" }, String(n[kind])))));
  const most = shadow.most.map((c) => el("li", {}, `${told(c.before)} → ${told(c.after)} `, el("span", { class: "small" }, `${c.id} of ${c.group}`), el("p", { class: "small shown", dir: "auto" }, c.text)));
  return el("section", { class: "card", "aria-label": "shadow recipe" }, el("h3", {}, `Shadow recipe ${shadow.recipe.name}`),
    el("p", { class: "small" }, `${shadow.rollouts} rollouts scored beside, ${shadow.skipped} left out. ${shadow.opposite_signs} advantages with the opposite sign; ${shadow.reordered} of ${shadow.groups} groups with a turned pair, ${shadow.best} with another best.`),
    shadow.stopped ? el("p", { class: "bad", role: "alert" }, shadow.stopped) : null,
    el("table", {}, el("thead", {}, el("tr", {}, el("th", {}, "rollouts that change"), kinds.map((kind) => el("th", { class: "number" }, kind)))), el("tbody", {}, rows)),
    most.length ? el("details", {}, el("summary", {}, `The ${most.length} most changed rollouts`), el("ul", {}, most)) : null);
}

async function look() {
  try {
    const [seen, text] = await Promise.all([api.monitor(), api.metrics()]);
    const found = samples(text);
    const open = document.querySelector("#main details")?.open;
    byId("main").replaceChildren(...[drawTiles(seen, found), drawAlarms(seen), drawShadow(seen.shadow), ...drawPlots(seen), drawCounts(seen, found)].filter(Boolean));
    if (open) document.querySelector("#main details").open = true;
    byId("state").textContent = "";
  } catch (error) {
    byId("state").textContent = error.message;
  }
  setTimeout(look, EVERY);
}

const turn = theming(byId("theme"));
document.addEventListener("keydown", (event) => {
  if (event.key === "t" && !event.ctrlKey && !event.metaKey && !event.altKey) turn();
});
await look();
