// What the page asks of the service. Every answer that is no success becomes an Error with the service's own words.

async function json(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("The service cannot be reached.");
  }
  const content = await response.json().catch(() => ({}));
  if (response.ok) return content;
  const fields = (content.errors ?? []).map((e) => `${e.field}: ${e.message}`);
  throw new Error([content.detail ?? `The service answered ${response.status}.`, ...fields].join("\n"));
}

export const recipes = () => json("v1/recipes").then((content) => content.recipes);
export const recent = () => json("page/recent");
export const batch = (id) => json(`page/recent/${encodeURIComponent(id)}`);
export const rollout = (group, id) => json(`page/rollout?${new URLSearchParams({ group, id })}`);
export const monitor = () => json("page/monitor");

/** Scored with evidence, and neither counted nor kept: looking changes no figure. */
export async function score(group, recipe) {
  const content = await json("page/score", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ recipe, detail: "evidence", groups: [group] }),
  });
  return { recipe: content.recipe, ...content.groups[0] };
}

/** The request as a shell command. */
export function curl(group, recipe) {
  const body = JSON.stringify({ recipe, detail: "evidence", groups: [group] });
  const quoted = body.replaceAll("'", "'\\''");
  return `curl ${new URL("v1/score", location.href.split("#")[0])} -H 'content-type: application/json' --data-binary '${quoted}'`;
}

export async function metrics() {
  const response = await fetch("metrics").catch(() => ({ ok: false }));
  if (!response.ok) throw new Error("The service cannot be reached.");
  return response.text();
}
