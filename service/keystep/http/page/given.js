// What a person gives: pasted or opened text becomes groups of the wire. Pure.

const FIELDS = ["id", "question", "reference", "references", "key_steps", "answer", "choices", "answer_type", "precision", "profile", "images"];

/** Groups, from JSON (a request, a group, a list of groups) or a group a line. Throws an Error that says what is missing. */
export function groupsOf(text) {
  const whole = parsed(text);
  if (whole !== undefined) return asGroups(whole, "");
  const lines = text.split("\n").map((line, i) => [line.trim(), i + 1]).filter(([line]) => line);
  return lines.flatMap(([line, number]) => {
    const value = parsed(line);
    if (value === undefined) throw new Error(`Line ${number} is not JSON.`);
    return asGroups(value, `Line ${number}: `);
  });
}

/** Whether text is meant as JSON. */
export const looksLikeJson = (text) => /^\s*[[{]/.test(text);

/** One rollout of plain text. steps: a key step a line, forms divided by |. */
export function groupOfText(text, { question, answer, steps }) {
  const lines = steps.split("\n").map((line) => line.split("|").map((form) => form.trim()).filter(Boolean));
  const group = { id: "pasted", question, key_steps: lines.filter((forms) => forms.length), rollouts: [{ id: "pasted/0", text }] };
  if (answer) group.answer = answer;
  return group;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function asGroups(value, where) {
  if (Array.isArray(value)) return value.flatMap((one) => asGroups(one, where));
  if (Array.isArray(value?.groups)) return value.groups.flatMap((one) => asGroups(one, where));
  if (!Array.isArray(value?.rollouts)) throw new Error(`${where}There are no "rollouts"; give a request of /v1/score, a group, or a group a line.`);
  const group = Object.fromEntries(FIELDS.filter((name) => value[name] !== undefined).map((name) => [name, value[name]]));
  group.id ??= "pasted";
  group.rollouts = value.rollouts.map((rollout, i) => {
    if (typeof rollout === "string") return { id: `${group.id}/${i}`, text: rollout };
    if (typeof rollout?.text !== "string") throw new Error(`${where}Rollout ${i} of ${group.id} has no "text".`);
    const kept = { id: String(rollout.id ?? `${group.id}/${i}`), text: rollout.text };
    if (rollout.truncated) kept.truncated = true;
    return kept;
  });
  return [group];
}
