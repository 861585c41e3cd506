// Where evidence lies in a text. Pure: from spans to pieces, each with what covers it.

/** Spans are counted in code points, JavaScript's strings in UTF-16 units: place(n) is the unit at which code point n begins. */
export function places(text) {
  if (!/[\ud800-\udbff]/.test(text)) return (point) => point;
  const starts = [];
  for (let unit = 0; unit < text.length; unit += text.codePointAt(unit) > 0xffff ? 2 : 1) starts.push(unit);
  return (point) => starts[point] ?? text.length;
}

/** The text of a span. */
export function excerpt(text, span) {
  const place = places(text);
  return text.slice(place(span[0]), place(span[1]));
}

/** Marks of one rollout: {from, to, kind, key}, in UTF-16 units. kind: a tier, "near", "answer", "excluded" or "header". */
export function marksOf(text, evidence) {
  const place = places(text);
  const found = [];
  const add = (span, kind, key) => span && span[1] > span[0] && found.push({ from: place(span[0]), to: place(span[1]), kind, key });
  evidence.sections.forEach((section) => add(section.header, "header"));
  evidence.excluded.forEach((span) => add(span, "excluded"));
  evidence.key_steps.forEach((step, i) => add(step.span, step.matched ? step.tier : "near", i));
  add(evidence.answer.span, "answer");
  return found;
}

/** The text in blocks: a section each, and whatever stands between. {section or null, from, to} */
export function blocksOf(text, evidence) {
  const place = places(text);
  const blocks = [];
  let at = 0;
  // White space at a block's end is not drawn.
  const push = (section, from, to) => blocks.push({ section, from, to: from + text.slice(from, to).trimEnd().length });
  const until = (to) => {
    if (text.slice(at, to).trim()) push(null, at, to);
    at = to;
  };
  const sections = [...evidence.sections].sort((a, b) => a.header[0] - b.header[0]);
  for (const section of sections) {
    const from = place(Math.min(section.header[0], section.body[0]));
    const to = place(Math.max(section.header[1], section.body[1]));
    if (from < at) continue; // lies within one that is drawn already
    until(from);
    push(section, from, to);
    at = to;
  }
  until(text.length);
  return blocks;
}

/** text[from:to] cut wherever a mark begins or ends: {text, marks}. */
export function piecesOf(text, marks, from, to) {
  const here = marks.filter((mark) => mark.from < to && mark.to > from);
  const cuts = new Set([from, to]);
  for (const mark of here) cuts.add(Math.max(mark.from, from)).add(Math.min(mark.to, to));
  const ordered = [...cuts].sort((a, b) => a - b);
  return ordered.slice(1).map((end, i) => {
    const start = ordered[i];
    return { text: text.slice(start, end), marks: here.filter((mark) => mark.from <= start && mark.to >= end) };
  });
}
