// The inspector: what is shown, and what the keys and buttons do.

import * as api from "./api.js";
import { byId, el, say, theming, told } from "./dom.js";
import { groupOfText, groupsOf, looksLikeJson } from "./given.js";
import { drawColumns, drawQuestion, drawTable, summary } from "./group.js";
import { drawLegend, drawText, drawWhy, linkMarks } from "./rollout.js";

const EXAMPLE = {
  id: "example", question: "A rope of 12 m is cut in half, and one half is cut in three equal parts. How long is one of the three?", answer: "2",
  key_steps: [["12 / 2 = 6", "half of the rope is 6 m"], ["6 / 3 = 2", "six divided by three is two"]],
  rollouts: [
    { id: "example/0", text: "### Image Description:\nA rope with two marks on it.\n\n### Rationales:\nFirst the half, then a third of that.\n\n### Let's think step by step.\n\n### Step 1:\nOne half is 12/2 = 6 m long.\n\n### Step 2:\nA third of it is 6 / 3 = 2 m.\n\n### The final answer is: 2" },
    { id: "example/1", text: "### Image Description:\nA rope.\n\n### Rationales:\nDivide the length.\n\n### Let's think step by step.\n\n### Step 1:\nOne half is 12/2 = 6 m long.\n\n### Step 2:\nA third of that is 6 / 3 = 3 m.\n\n### The final answer is: 3" },
    { id: "example/2", text: "I think it is 2." },
  ],
};

// groups: of what was opened. group, rollout: which are shown. scored, before: under the recipe, and under the one compared with.
const state = { groups: [], group: 0, rollout: 0, recipes: [], own: null, scored: null, before: null, columns: false, asked: 0, fault: null };

const recipeNamed = (name) => state.recipes.find((recipe) => recipe.name === name);
/** What is sent for a recipe: its name, or what a recent request had asked for itself. */
const specOf = (name) => (name === state.own?.name ? state.own.spec : name);
const fullRecipe = (name) => (name === state.own?.name ? { ...recipeNamed(state.own.spec.base), ...state.own.spec, name } : recipeNamed(name));

async function rescore() {
  const group = state.groups[state.group];
  if (!group) return draw();
  const asked = ++state.asked;
  const [name, other] = [byId("recipe").value, byId("other").value];
  let [scored, before, fault] = [null, null, null];
  byId("main").setAttribute("aria-busy", "true"); // what is shown is of before, until draw
  try {
    [scored, before] = await Promise.all([api.score(group, specOf(name)), other && other !== name ? api.score(group, specOf(other)) : null]);
  } catch (error) {
    fault = error.message;
  }
  if (asked !== state.asked) return; // something else is wanted by now
  Object.assign(state, { scored, before, fault });
  state.rollout = Math.min(state.rollout, group.rollouts.length - 1);
  draw();
}

function draw() {
  const main = byId("main");
  const group = state.groups[state.group];
  main.setAttribute("aria-busy", "false");
  drawGroups();
  if (!group) return main.replaceChildren(drawWelcome());
  const parts = [drawQuestion(group)];
  if (state.fault) parts.push(el("section", { class: "card notice", role: "alert" }, el("h3", {}, "This could not be scored"), el("p", { class: "asked" }, state.fault)));
  parts.push(...(state.scored ? drawScored(group) : group.rollouts.map((rollout) => el("section", { class: "card" }, el("h3", {}, rollout.id), drawText(rollout.text, null)))));
  main.replaceChildren(...parts);
  main.querySelector('tr[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
}

function drawScored(group) {
  const { scored, before } = state;
  const recipe = { ...fullRecipe(byId("recipe").value) };
  const button = (words, title, act, pressed) => el("button", { type: "button", title, onclick: act, "aria-pressed": pressed === undefined ? null : String(pressed) }, words);
  const table = el("section", { class: "card" }, el("div", { class: "head" }, el("h2", {}, group.id), el("span", { class: "small number" }, summary(scored)),
    el("div", { class: "push" }, button("Side by side", "s", toggleColumns, state.columns), button("Copy JSON", "c", copyJson), button("Copy curl", "u", copyCurl))),
    drawTable(scored, recipe, before, state.rollout, choose));
  if (state.columns) return [table, drawColumns(group, scored, state.rollout, choose)];
  const rollout = scored.rollouts[state.rollout];
  const old = before && { rollout: before.rollouts[state.rollout], recipe: fullRecipe(byId("other").value) };
  const reading = el("div", { class: "reading" }, el("section", { class: "card", "aria-label": "text" }, drawLegend(), drawText(group.rollouts[state.rollout].text, rollout.evidence)), drawWhy(rollout, recipe, old, group.rollouts[state.rollout].text));
  linkMarks(reading);
  return [table, reading];
}

function drawWelcome() {
  return el("section", { class: "card welcome" }, el("h2", {}, "Look at rollouts"),
    el("p", {}, "Paste a rollout, open a file of groups, or pick a recent batch. You see what was found in the text, what was missed and why, and how the reward adds up."),
    el("button", { type: "button", id: "example", onclick: () => show([EXAMPLE], "hardened") }, "Show an example"));
}

function drawGroups() {
  byId("groups-part").hidden = state.groups.length < 2;
  byId("groups").replaceChildren(...state.groups.map((group, i) => el("li", {}, el("button", { type: "button", "aria-current": String(i === state.group), onclick: () => go(i) },
    el("span", { class: "name", title: group.id }, group.id), el("span", { class: "small number" }, String(group.rollouts.length))))));
  byId("groups").querySelector('[aria-current="true"]')?.scrollIntoView({ block: "nearest" });
}

/** recipe: a name, or {name, spec} that a request made itself. */
function show(groups, recipe, rollout = 0) {
  Object.assign(state, { groups, group: 0, rollout, scored: null, before: null, fault: null });
  if (recipe) {
    state.own = typeof recipe === "string" ? null : recipe;
    offerRecipes(typeof recipe === "string" ? recipe : recipe.name);
  }
  return rescore();
}

function go(i) {
  if (i < 0 || i >= state.groups.length) return undefined;
  Object.assign(state, { group: i, rollout: 0 });
  return rescore();
}

function choose(i) {
  if (!state.scored || i < 0 || i >= state.scored.rollouts.length) return;
  state.rollout = i;
  draw();
}

function toggleColumns() {
  state.columns = !state.columns;
  draw();
}

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Browsers give the clipboard to secure pages alone; this one may be plain HTTP from another machine.
    const area = el("textarea", {}, text);
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  say(`${what} copied`);
}

const copyJson = () => state.scored && copy(JSON.stringify({ ...state.groups[state.group], scored: state.scored }, null, 2), "JSON");
const copyCurl = () => state.groups.length && copy(api.curl(state.groups[state.group], specOf(byId("recipe").value)), "curl");

function offerRecipes(chosen) {
  const names = [...state.recipes.map((recipe) => recipe.name), ...(state.own ? [state.own.name] : [])];
  const options = () => names.map((name) => el("option", { value: name }, name));
  const other = byId("other").value;
  byId("recipe").replaceChildren(...options());
  byId("other").replaceChildren(el("option", { value: "" }, "nothing"), ...options());
  byId("recipe").value = chosen;
  byId("other").value = names.includes(other) ? other : "";
}

async function drawRecent() {
  let content;
  try {
    content = await api.recent();
  } catch {
    return; // the next look may find it
  }
  const batches = content.batches.map((b) => el("li", {}, el("button", { type: "button", onclick: () => openBatch(api.batch(b.id)) },
    el("span", { class: "name number" }, new Date(b.at * 1000).toLocaleTimeString()), el("span", { class: "small number" }, b.mean === null ? "undecided" : `mean ${told(b.mean)}`),
    el("span", { class: "small wide" }, `${b.groups} ${b.groups === 1 ? "group" : "groups"}, ${b.rollouts} rollouts · ${b.recipe}`))));
  const signature = JSON.stringify(content);
  if (signature === drawRecent.last) return;
  drawRecent.last = signature;
  byId("recent").replaceChildren(...batches);
  byId("no-recent").textContent = !content.kept ? "Recent batches are not kept here (KEYSTEP_RECENT_MIB is 0)." : batches.length ? "" : "None yet: what trainers send appears here.";
}

/** ask: for a batch. rollout: the id of the one to show first. */
async function openBatch(ask, rollout) {
  try {
    const { recipe, groups } = await ask;
    const at = groups[0].rollouts.findIndex((one) => one.id === rollout);
    await show(groups, typeof recipe.spec === "string" ? recipe.spec : recipe, Math.max(at, 0));
  } catch (error) {
    say(error.message);
    await drawRecent();
  }
}

function pasting() {
  const dialog = byId("paste-dialog");
  const fault = byId("paste-fault");
  const plain = () => {
    const json = looksLikeJson(byId("pasted").value);
    byId("about-text").hidden = json;
    byId("steps-label").hidden = json;
    fault.textContent = "";
  };
  byId("pasted").addEventListener("input", plain);
  byId("paste-cancel").addEventListener("click", () => dialog.close());
  dialog.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = byId("pasted").value;
    try {
      const groups = looksLikeJson(text) ? groupsOf(text) : [groupOfText(text, { question: byId("asked").value, answer: byId("gold").value.trim(), steps: byId("steps").value })];
      dialog.close();
      show(groups);
    } catch (error) {
      fault.textContent = error.message;
    }
  });
  return () => {
    plain();
    dialog.showModal();
    byId("pasted").focus();
  };
}

async function openFile(file) {
  try {
    await show(groupsOf(await file.text()));
  } catch (error) {
    say(`${file.name}: ${error.message}`);
  }
}

function listen() {
  const turn = theming(byId("theme"));
  const paste = pasting();
  const focusRecipe = () => byId("recipe").focus();
  const help = () => byId("help-dialog").showModal();
  const keys = [
    ["j", "next rollout", () => choose(state.rollout + 1)], ["k", "rollout before", () => choose(state.rollout - 1)],
    ["n", "next group", () => go(state.group + 1)], ["p", "group before", () => go(state.group - 1)],
    ["s", "side by side", toggleColumns], ["r", "recipe", focusRecipe], ["v", "paste", paste], ["o", "open a file", () => byId("file").click()],
    ["c", "copy as JSON", copyJson], ["u", "copy as curl", copyCurl], ["t", "dark or light", turn], ["?", "this list", help],
  ];
  byId("keys").replaceChildren(...keys.flatMap(([key, words]) => [el("kbd", {}, key), el("span", {}, words)]));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, dialog")) return;
    const found = keys.find(([key]) => key === event.key);
    if (!found) return;
    event.preventDefault();
    found[2]();
  });
  byId("paste").addEventListener("click", paste);
  byId("help").addEventListener("click", help);
  byId("open").addEventListener("click", () => byId("file").click());
  byId("file").addEventListener("change", (event) => {
    if (event.target.files.length) openFile(event.target.files[0]);
    event.target.value = "";
  });
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length) openFile(event.dataTransfer.files[0]);
  });
  byId("recipe").addEventListener("change", rescore);
  byId("other").addEventListener("change", rescore);
}

listen();
try {
  state.recipes = await api.recipes();
  offerRecipes("hardened");
} catch (error) {
  state.fault = error.message;
  say(error.message);
}
draw();
// The monitor leads here with #group=...&rollout=...
const wanted = new URLSearchParams(location.hash.slice(1));
if (wanted.has("rollout")) await openBatch(api.rollout(wanted.get("group"), wanted.get("rollout")), wanted.get("rollout"));
await drawRecent();
setInterval(drawRecent, 3000);
