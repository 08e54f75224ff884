// The lines between the turns that say which model answers from there on. Pure; knows no page.
import { NO_MODEL } from "./stage.js";

export const modelRemark = (name) => (name ? `From here on ${name} answers.` : "From here on the server's own model answers.");

/**
 * What stands before turn 0, 1, .. and after the last one: a list of texts each. `chosen`: the remarks of this tab,
 * {after: number of turns, text, model?}. A change that it does not know (the page was loaded again) shows in the turns.
 */
export function remarksOf(turns, chosen) {
  let current = null;
  const lines = Array.from({ length: turns.length + 1 }, (_, index) => chosen.filter((one) => one.after === index));
  return lines.map((own, index) => {
    const texts = own.map((one) => one.text);
    const switched = own.findLast((one) => one.model !== undefined);
    const { model } = turns[index]?.end ?? {};
    if (!model || model in NO_MODEL) {
      if (switched) current = switched.model;
      return texts;
    }
    const isNews = current !== null && model !== current && !switched;
    current = model;
    return isNews ? [...texts, modelRemark(model)] : texts;
  });
}
