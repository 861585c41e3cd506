// One group drawn: the question, its rollouts in a table, and all of them side by side.

import { el, told } from "./dom.js";
import { drawBar, drawText } from "./rollout.js";

const OUTCOMES = { 1: ["✓ right", "good"], 0: ["✗ wrong", "bad"] };

export function drawQuestion(group) {
  const steps = group.key_steps ?? [];
  const references = group.references ?? (group.reference ? [group.reference] : []);
  const fact = (name, value) => el("span", {}, `${name} `, el("b", {}, value));
  return el("section", { class: "card question" }, el("p", { class: "asked", dir: "auto" }, group.question || "(no question was given)"),
    el("div", { class: "facts" }, fact("Gold answer", group.answer ?? "none"), group.choices ? fact("Choices", group.choices.join(" · ")) : null,
      group.profile ? fact("Profile", group.profile) : null,
      group.key_steps ? fact("Key steps", String(steps.length)) : el("span", {}, references.length ? "Key steps are extracted from the reference" : "No key steps and no reference")),
    references.length ? el("details", {}, el("summary", { class: "small" }, references.length === 1 ? "Reference" : "References"), references.map((text) => el("p", { class: "shown", dir: "auto" }, text))) : null);
}

/** The badge of the pair, if the rollout is in it. */
function pairTag(id, pair) {
  if (pair?.chosen === id) return el("span", { class: "tag chosen" }, "chosen");
  if (pair?.rejected === id) return el("span", { class: "tag rejected" }, "rejected");
  return null;
}

function outcomeOf(rollout) {
  const [words, kind] = rollout.outcome === null ? ["? undecided", "warn"] : rollout.outcome === 0 && rollout.answer === null ? ["✗ no answer", "bad"] : OUTCOMES[rollout.outcome];
  return el("span", { class: kind }, words);
}

function change(now, old) {
  if (now === null || old === null) return now === old ? "" : `${told(old)} → ${told(now)}`;
  const by = now - old;
  return Math.abs(by) < 1e-9 ? "same" : `${by > 0 ? "+" : "−"}${Math.abs(by).toFixed(2)}`;
}

/** scored, before: answers of the service; before is null without a second recipe. choose(i): a row was chosen. */
export function drawTable(scored, recipe, before, chosen, choose) {
  const most = Math.max(recipe.weight_step_rar * (1 + recipe.alpha) + recipe.weight_step_rvr + recipe.weight_outcome + (recipe.extras ?? []).reduce((sum, extra) => sum + Math.abs(extra.weight), 0), 1e-9);
  const head = ["Rollout", "", "Reward", before ? `vs ${before.recipe.name}` : null, "Outcome", "k", "StepRVR", "Advantage", "Pair", "Flags"].filter((h) => h !== null);
  const numbers = new Set(["Reward", "k", "StepRVR", "Advantage"]);
  const rows = scored.rollouts.map((rollout, i) => el("tr", { "aria-selected": String(i === chosen), onclick: () => choose(i) },
    el("td", { class: "id", title: rollout.id }, rollout.id), el("td", {}, drawBar(rollout, recipe, most)), el("td", { class: "number" }, el("b", {}, told(rollout.reward))),
    before ? el("td", { class: "number small" }, change(rollout.reward, before.rollouts[i].reward)) : null,
    el("td", {}, outcomeOf(rollout)), el("td", { class: "number" }, told(rollout.key_steps_matched)), el("td", { class: "number" }, told(rollout.step_rvr, 0)),
    el("td", { class: "number" }, told(scored.advantages[i])), el("td", {}, pairTag(rollout.id, scored.pair)),
    el("td", {}, rollout.flags.map((flag) => el("span", { class: "tag flag" }, flag)))));
  return el("div", { class: "scroll" }, el("table", { class: "rollouts" }, el("thead", {}, el("tr", {}, head.map((h) => el("th", { class: numbers.has(h) ? "number" : null }, h)))), el("tbody", {}, rows)));
}

/** Mean, spread and signal of the group, in a line. */
export function summary(scored) {
  if (scored.mean === null) return "no reward is decided";
  const signal = scored.zero_variance ? "zero variance: no signal" : `std ${told(scored.std)}`;
  const pair = scored.pair ? ` · pair margin ${told(scored.pair.margin)}` : "";
  return `mean ${told(scored.mean)} · ${signal}${pair}`;
}

/** Every rollout in a column of its own. */
export function drawColumns(group, scored, chosen, choose) {
  return el("div", { class: "columns" }, scored.rollouts.map((rollout, i) => el("article", { class: "card", "aria-selected": String(i === chosen), onclick: () => choose(i) },
    el("h3", {}, rollout.id), el("p", { class: "small" }, el("b", {}, `reward ${told(rollout.reward)}`), ` · advantage ${told(scored.advantages[i])} · `, outcomeOf(rollout), " ", pairTag(rollout.id, scored.pair)),
    drawText(group.rollouts[i].text, rollout.evidence))));
}
