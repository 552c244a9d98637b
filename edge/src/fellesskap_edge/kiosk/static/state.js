// What the page knows for as long as somebody stands there; nothing of it is kept anywhere else.
import { NOTHING, viewOf } from "./views.js";

export const texts = JSON.parse(document.getElementById("texts").textContent);
export const HOME = document.documentElement.lang;

// `told`: what was said last. `options`: what can be chosen. `after`: what was collected just now.
// `putIn`: this visit has put something in. `long`: all 12 digits are asked for. `longer`: more time
// was asked for. `pending`: a digit that may choose a key, or begin a code.
export const fresh = () => ({
  language: HOME, told: null, options: [], after: null, putIn: false,
  long: false, longer: false, pending: "", pendingAt: 0, reading: false,
});

// `aside` names what somebody, or their going away, has set aside; `seen` is what the door at hand
// showed so far.
export const state = {
  visit: fresh(),
  standing: NOTHING,
  aside: "",
  seen: { act: null, compartment: null, open: false, blind: false },
  doors: [],
};

export const t = () => texts[state.visit.language];
export const view = () => viewOf(state.standing, state.visit.options, state.aside);
