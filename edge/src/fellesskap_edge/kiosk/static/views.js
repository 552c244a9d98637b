// Which view the page shows, and which keys make sense in it. Tables; no document, no clock.

export const NOTHING = { act: null, compartment: null, door: "unknown", courier: false, may_take_out: 0, asks: null };

const KEYS = {
  collect: ["empty", "not_me", "more_time", "broken"],
  reopen: ["empty", "not_me", "more_time", "broken"],
  inspect: ["more_time", "broken"],
  drop_off: ["bigger", "occupied", "broken", "cancel", "more_time"],
  deposit: ["bigger", "occupied", "broken", "cancel", "done"],
  remove: ["empty", "broken", "done"],
  cancel: ["done"],
};
const PUTS_IN = new Set(["deposit", "drop_off"]);
const COURIERS = new Set(["deposit", "remove", "cancel"]);
const GO = new Set(["opens", "check_empty"]);
// What is told of a door while somebody may be busy with a code: it takes nothing off the screen.
export const ASIDE = new Set(["push_door", "left_open"]);
const CALM = new Set(["queued", "badge_needed", "badge_accepted", "choose_carrier", "choose_size",
  "swept", "cancelled", "noted", "done", "shut_taken", "shut_sent", "shut_put", "unseen"]);

// Names what goes on, so that somebody can set exactly this aside.
export function idOf({ act, compartment, courier, asks }) {
  if (asks) return `asks/${asks}`;
  return act ? `${act}/${compartment}` : courier ? "courier" : "";
}

// `options` are what can be chosen; `aside` is what somebody, or their going away, has set aside.
export function viewOf(standing, options, aside) {
  if (aside && aside === idOf(standing)) return "code";
  if (standing.asks && options.length) return "choose";
  if (standing.act in KEYS) return standing.act;
  return standing.courier && standing.may_take_out && !standing.act ? "courier" : "code";
}

// Between two parcels a courier needs no key, and a resident may come: the keypad stays.
export const isDoor = (view) => view in KEYS;
export const speaksToCourier = (standing, view) => (isDoor(view) ? isCouriers(view) : standing.courier);

// A door that opens is told by what the hands do there, whoever asked for it.
export const wordsForOpening = (act) => (PUTS_IN.has(act) ? "courier_opens" : "opens");

export const toneOf = (outcome) => (GO.has(outcome) ? "go" : CALM.has(outcome) ? "calm" : "stop");

export const isCouriers = (act) => COURIERS.has(act);

// What is told when an act's door is no longer at hand, by what was seen of the door.
export function ending(act, seen) {
  if (seen.open) return act === "drop_off" ? "shut_sent" : isCouriers(act) ? "shut_put" : "shut_taken";
  return seen.blind ? "unseen" : "not_opened";
}

// `after` is what was collected here just now; `putIn`: this visit has put something in; `told` is
// what was said last.
export function keysOf(view, standing, { options, after, putIn, aside, told }) {
  const pressed = (key) => ({ key });
  const back = putIn ? [{ key: "cancel", label: "take_back" }] : [];
  if (view === "choose") {
    const choices = options.map((value) => ({ key: standing.asks, value }));
    return [...choices, pressed("done"), pressed("code_key")];
  }
  if (view === "courier") {
    const out = { key: "take_out", n: standing.may_take_out };
    return [out, ...back, pressed("done"), pressed("code_key")];
  }
  if (isDoor(view)) return [...KEYS[view].map(pressed), pressed("code_key")];
  if (aside && aside === idOf(standing)) {
    if (standing.act) return [{ key: "back_key", compartment: standing.compartment }];
    return standing.asks || standing.may_take_out ? [pressed("back")] : [];
  }
  if (after) return [pressed("empty"), pressed("not_me")];
  return standing.courier && told?.courier ? [...back, pressed("done")] : [];
}
