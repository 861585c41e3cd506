// What the names in an answer mean, for people. A test holds these to the service's own lists.

export const REASONS = {
  verifier_timeout: "Comparing the answer took longer than it may.",
  verifier_crashed: "The process that compared the answer ended.",
  extractor_unavailable: "Key steps could not be extracted.",
  extraction_invalid: "The extractor's model gave nothing that can be used.",
  extraction_refused: "The extractor's model declined.",
  model_unavailable: "A model that the recipe needs is gone.",
  deadline: "The request's deadline passed first.",
  internal_error: "A defect of keystep's own; its log has it.",
  needs_judge: "A careful reader could tell; rules cannot.",
  no_key_steps: "There are no key steps and no reference: k is 0.",
  no_reference_answer: "No gold answer was given.",
  no_answer: "The response gives no answer.",
  several_answers: "Several different answers are offered; they earn nothing.",
  refusal: "The response says that it cannot be told.",
  truncated_answer: "Sampling stopped within the answer.",
  too_complex: "The answer is too large to be compared.",
  no_structure: "The text has no sections.",
  missing_background: "There is no image description, or no rationale.",
  missing_steps: "There are no steps.",
  missing_answer: "There is no answer section.",
  empty_background: "The background is empty.",
  empty_step: "A step is empty.",
  empty_answer: "The answer section is empty.",
  several_answer_sections: "There is more than one answer section.",
  background_after_steps: "The background comes after steps.",
  answer_before_steps: "The answer comes before steps.",
  steps_out_of_order: "The steps' numbers are out of order.",
};

export const FLAGS = {
  step_stuffing: "Key steps are listed instead of reasoned.",
  equation_stuffing: "Far more equations than the question can need.",
  number_stuffing: "Runs of numbers that derive nothing.",
  copied_question: "The question is copied.",
  negated_step: "A key step is stated only to be denied.",
  conflicting_step: "The same left side with another result.",
  run_on: "Text goes on after the answer.",
  repetition: "The text repeats itself.",
  several_answers: "Several answers.",
  conflicting_answers: "Two places of the answer disagree.",
  hedged: "The answer is doubted where it is given.",
  rethink: "The text takes back what it said.",
  truncated: "Sampling stopped at the length limit.",
};

export const BLOCKED = {
  negated: "stated only to be denied",
  hypothetical: "only supposed",
  retracted: "taken back",
  question: "only asked",
  than: "compared with something else",
  other_name: "said of another name",
  other_number: "with another number",
  other_unit: "in another unit",
  other_colour: "of another colour",
  no_colour: "without the colour",
  other_result: "with another result",
  other_context: "about something else",
  opposite: "the opposite is said",
  roles_exchanged: "with the roles exchanged",
  out_of_order: "found, but not in the reference's order",
};

export const KINDS = { description: "Description", rationale: "Rationale", intro: "Introduction", step: "Step", answer: "Answer" };
export const TIERS = { exact: "word for word", numeric: "the same calculation", fuzzy: "in other words", semantic: "by meaning" };
