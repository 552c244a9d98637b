// The words for what is told, where the door is, and what stands on the keys.
import { whereIs } from "./picture.js";
import { state, t } from "./state.js";
import { isDoor, wordsForOpening } from "./views.js";

export const fill = (words, values) => words.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
const shortened = (id) => (id.length > 14 ? `…${id.slice(-6)}` : id);

function wordsOf(told) {
  const { outcomes, noted, page } = t();
  if (told.outcome === "noted" && noted[told.key]) return noted[told.key];
  const { act } = state.standing;
  if (told.outcome === "opens" && act) return outcomes[wordsForOpening(act)];
  const courier = told.courier ? outcomes[`courier_${told.outcome}`] : null;
  return courier ?? outcomes[told.outcome] ?? page[told.outcome];
}

export function content(now) {
  const { page, outcomes } = t();
  const { told } = state.visit;
  const { act, compartment, door, courier, asks } = state.standing;
  let headline = page.title;
  let words = told ? fill(wordsOf(told), told) : "";
  if (isDoor(now)) {
    const shut = told?.outcome === "push_door" ? page.door_shut : page.door_opens;
    headline = fill(door === "open" ? page.door_open : shut, { compartment });
    words ||= fill(outcomes[wordsForOpening(act)], { compartment });
  } else if (now === "choose") [headline, words] = [outcomes[`choose_${asks}`], ""];
  else if (now === "courier" || (courier && told?.courier)) headline = page.next_label;
  else words ||= page.hint;
  if (told?.also) words += ` ${fill(page.also_shut, { compartment: told.also })}`;
  return { headline, words, where: isDoor(now) ? whereIs(state.doors, compartment, page) : "" };
}

export function labelOf({ key, value, label, n, compartment }) {
  const { keys, sizes, page } = t();
  if (key === "size") return sizes[value] ? `${value}: ${sizes[value]}` : value;
  if (key === "carrier") return shortened(value);
  const name = label ?? (n === 1 ? `${key}_one` : key);
  return fill(keys[name] ?? page[name], { n, compartment });
}

