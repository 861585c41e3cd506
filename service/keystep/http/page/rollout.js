// One rollout drawn: its text with what was found in it, and why it is worth what it is.

import { el, told } from "./dom.js";
import { blocksOf, excerpt, marksOf, piecesOf } from "./marks.js";
import { BLOCKED, FLAGS, KINDS, REASONS, TIERS } from "./words.js";

/** The text, a section a block. Without evidence it is plain. */
export function drawText(text, evidence) {
  if (!evidence) return el("div", { class: "text" }, el("div", { class: "section" }, el("div", { class: "kind" }), body(text, [], 0, text.length)));
  const marks = marksOf(text, evidence);
  const blocks = blocksOf(text, evidence);
  const drawn = blocks.map(({ section, from, to }, i) => {
    const kind = section ? el("div", { class: "kind" }, el("b", {}, String(i + 1)), " ", KINDS[section.kind] ?? section.kind, section.number === null ? "" : ` ${section.number}`) : el("div", { class: "kind" });
    return el("div", { class: `section ${section?.kind ?? ""}` }, kind, body(text, marks, from, to));
  });
  return el("div", { class: "text" }, drawn);
}

function body(text, marks, from, to) {
  return el("div", { class: "body", dir: "auto" }, piecesOf(text, marks, from, to).map(({ text: piece, marks: over }) => {
    if (!over.length) return piece;
    const keys = over.filter((mark) => mark.key !== undefined).map((mark) => mark.key);
    const kinds = [...new Set(over.map((mark) => mark.kind))];
    if (kinds.length === 1 && kinds[0] === "header") return el("span", { class: "header" }, piece);
    return el("mark", { class: kinds.join(" "), "data-keys": keys.length ? keys.join(" ") : null, tabindex: keys.length ? 0 : null }, piece);
  }));
}

export function drawLegend() {
  const entry = (kind, label, title) => el("mark", { class: kind, title }, label);
  return el("div", { class: "legend" }, Object.entries(TIERS).map(([tier, title]) => entry(tier, tier, `found ${title}`)), entry("near", "near miss", "nearest to a key step that was missed"), entry("answer", "answer", "read as the answer"), entry("excluded", "left out", "dumped, not reasoned: no key step is looked for here"));
}

/** The reward as a sum: [{name, value, how, term}]. term: of the stacked bar. recipe: in full. */
export function termsOf(rollout, recipe) {
  const { alpha, weight_step_rar: rar, weight_step_rvr: rvr, weight_outcome: outcome } = recipe;
  const k = rollout.key_steps_matched;
  // r_auc = outcome + alpha k, unless no answer was given; then the recipe may say 0.
  const bonus = rollout.step_rar === null || rollout.outcome === null ? null : rollout.step_rar - rollout.outcome;
  const times = (weight, value) => (value === null ? null : weight * value);
  const terms = [];
  if (rar !== 0) {
    terms.push({ name: "StepRAR: answer", value: times(rar, rollout.step_rar === null ? null : rollout.outcome), how: `${weight(rar)}outcome ${told(rollout.outcome, 0)}`, term: "rar" });
    const lost = bonus === 0 && k > 0 ? "no one answer was given, so key steps earn nothing" : `${weight(rar)}α ${alpha} × k ${told(k)}`;
    terms.push({ name: "StepRAR: key steps", value: times(rar, bonus), how: lost, term: "k" });
  }
  if (rvr !== 0) terms.push({ name: "StepRVR", value: times(rvr, rollout.step_rvr), how: `${weight(rvr)}${rollout.step_rvr ? "complete and in order" : "incomplete, or out of order"}`, term: "rvr" });
  if (outcome !== 0) terms.push({ name: "Outcome", value: times(outcome, rollout.outcome), how: `${weight(outcome)}outcome ${told(rollout.outcome, 0)}`, term: "outcome" });
  for (const extra of recipe.extras ?? []) {
    const value = rollout.extras[extra.reward_model] ?? null;
    if (extra.weight !== 0) terms.push({ name: extra.reward_model, value: times(extra.weight, value), how: `${weight(extra.weight)}its score ${told(value)}`, term: "extra" });
  }
  return terms;
}

const weight = (value) => (value === 1 ? "" : `${value} × `);

/** A stacked bar of the terms; most: the reward that fills it. */
export function drawBar(rollout, recipe, most) {
  const bar = el("div", { class: "terms", role: "img", "aria-label": `reward ${told(rollout.reward)}` });
  if (rollout.reward === null) return bar;
  for (const { value, term } of termsOf(rollout, recipe)) {
    const part = el("span", { class: `term-${term}` });
    part.style.width = `${(100 * Math.max(value ?? 0, 0)) / most}%`;
    bar.append(part);
  }
  return bar;
}

function drawSum(rollout, recipe, before) {
  const terms = termsOf(rollout, recipe);
  const other = before && Object.fromEntries(termsOf(before.rollout, before.recipe).map((t) => [t.name, t.value]));
  const row = (name, value, how, old, kind) => el("tr", { class: kind }, el("td", {}, name, how ? el("span", { class: "how" }, how) : null), el("td", { class: "number" }, told(value, 3)), before ? el("td", { class: "number small" }, told(old, 3)) : null);
  return el("div", { class: "card" }, el("h3", {}, "Reward"), el("table", { class: "sum" },
    before ? el("thead", {}, el("tr", {}, el("th"), el("th", { class: "number" }, recipe.name), el("th", { class: "number" }, before.recipe.name))) : null,
    el("tbody", {}, terms.map((t) => row([el("span", { class: `dot term-${t.term}` }), t.name], t.value, t.how, other?.[t.name])),
      row("Reward", rollout.reward, rollout.reward === null ? "undecided: a part that it needs is" : "", before?.rollout.reward, "total"))));
}

function drawVerdict(rollout) {
  const words = rollout.outcome === null ? ["undecided", "warn"] : rollout.outcome === 1 ? ["right", "good"] : [rollout.answer === null ? "no answer" : "wrong", "bad"];
  const { answer_type: type, method } = rollout.evidence.answer;
  const yes = (value) => (value ? el("span", { class: "good" }, "holds") : el("span", { class: "bad" }, "does not hold"));
  const fact = (name, value) => [el("dt", {}, name), el("dd", {}, value)];
  return el("div", { class: "card" }, el("h3", {}, "Verdict"), el("dl", { class: "verdict" },
    fact("Outcome", el("b", { class: words[1] }, words[0])),
    fact("Answer read", rollout.answer ?? "none"),
    type ? fact("Compared as", method && method !== type ? `${type}, by ${method}` : type) : null,
    fact("Completeness", yes(rollout.evidence.completeness)), fact("Logic", yes(rollout.evidence.logic)), fact("Grammar", rollout.evidence.grammar)));
}

function drawNamed(title, names, words) {
  if (!names.length) return null;
  return el("div", { class: "card" }, el("h3", {}, title), el("ul", { class: "named" }, names.map((name) => el("li", {}, el("span", {}, el("span", { class: title === "Flags" ? "tag flag" : "tag" }, name), " ", words[name] ?? "")))));
}

/** score < 1 is told where it says something: of a match that is not whole, or of a near miss. */
function drawStep(step, i, text) {
  const tier = step.matched ? el("span", { class: `tag tier-${step.tier}` }, step.tier) : null;
  const said = [];
  if (step.matched && step.form !== step.key_step) said.push(`as “${step.form}”`);
  if (!step.matched && step.blocked) said.push(`Blocked: ${BLOCKED[step.blocked] ?? step.blocked}`);
  if (!step.matched && !step.blocked) said.push(step.span ? "Not near enough" : "Nothing came near");
  if (!step.matched && step.span) said.push(`nearest: “${excerpt(text, step.span).slice(0, 120)}”`);
  if (step.score > 0 && step.score < 1) said.push(`score ${told(step.score)}`);
  return el("li", { "data-key": i, tabindex: 0 }, el("span", { class: step.matched ? "good" : "bad" }, step.matched ? "✓" : "✗"), el("span", { class: "form" }, step.key_step, " ", tier), said.length ? el("span", { class: "small" }, said.join(" · ")) : null);
}

function drawSteps(rollout, text) {
  const steps = rollout.evidence.key_steps.map((step, i) => [step, i]);
  const part = (title, chosen) => chosen.length ? el("div", { class: "card" }, el("h3", {}, `${title} (${chosen.length} of ${steps.length})`), el("ul", { class: "steps" }, chosen.map(([step, i]) => drawStep(step, i, text)))) : null;
  return [part("Key steps found", steps.filter(([step]) => step.matched)), part("Key steps missed", steps.filter(([step]) => !step.matched))];
}

/** Everything beside the text, which is given too. before: {rollout, recipe} under another recipe, or null. */
export function drawWhy(rollout, recipe, before, text) {
  const parts = [drawSum(rollout, recipe, before)];
  if (rollout.evidence) parts.push(drawVerdict(rollout));
  parts.push(drawNamed("Reasons", rollout.reasons, REASONS));
  if (rollout.evidence) parts.push(...drawSteps(rollout, text));
  parts.push(drawNamed("Flags", rollout.flags, FLAGS));
  return el("div", { class: "why" }, parts);
}

/** A key step and where it was found light up together, by pointer and by focus. */
export function linkMarks(within) {
  const light = (keys, on) => {
    for (const key of keys) {
      within.querySelector(`.steps li[data-key="${key}"]`)?.classList.toggle("lit", on);
      for (const mark of within.querySelectorAll("mark[data-keys]")) if (mark.dataset.keys.split(" ").includes(key)) mark.classList.toggle("lit", on);
    }
  };
  const keysAt = (target) => {
    const found = target.closest?.("mark[data-keys], .steps li");
    return found ? (found.dataset.keys ?? found.dataset.key).split(" ") : [];
  };
  for (const [begin, end] of [["pointerover", "pointerout"], ["focusin", "focusout"]]) {
    within.addEventListener(begin, (event) => light(keysAt(event.target), true));
    within.addEventListener(end, (event) => light(keysAt(event.target), false));
  }
  within.addEventListener("click", (event) => {
    const item = event.target.closest(".steps li");
    if (item) [...within.querySelectorAll("mark[data-keys]")].find((mark) => mark.dataset.keys.split(" ").includes(item.dataset.key))?.scrollIntoView({ block: "center", behavior: "smooth" });
  });
}
