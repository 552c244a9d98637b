// One page whose region changes: what is told, the picture, the keys that make sense now.
// Digits leave the page once they are sent; they go into no address, store, log or voice.
import { icon } from "./icons.js";
import { idle } from "./idle.js";
import { listen } from "./keyboard.js";
import { picture } from "./picture.js";
import { HOME, fresh, state, t, texts, view } from "./state.js";
import { ASIDE, NOTHING, ending, idOf, isCouriers, isDoor, keysOf, speaksToCourier, toneOf } from "./views.js";
import { hush, play, sound, speak, voiceFor, whenVoicesChange } from "./voice.js";
import { content, fill, labelOf } from "./words.js";

const POLL_MS = 250;
const MISSED_MAX = 8;
const IDLE_MS = 60_000;
const DOOR_MS = 120_000;
const LONGER_MS = 600_000;
const LONG_DIGITS = 12;
const KEPT_MS = 3_000; // whoever typed it is still at it; later it would be somebody else's code
const $ = (id) => document.getElementById(id);
const input = $("code");

let turn = null;
let inService = true;
let missed = 0;
let asked = 0;
let busy = false;
let shown = { keys: "", view: "code", spoken: "" };
let stir = () => {};

const digitsOf = (text) => text.replace(/\D/g, "").slice(0, LONG_DIGITS);
const grouped = (digits) => digits.replace(/(.{4})(?=.)/g, "$1 ");

// What is told ------------------------------------------------------------------------------------

function tell(told, quiet = false) {
  state.visit.told = told;
  if (told && told.options) state.visit.options = told.options;
  if (told && !quiet) play(toneOf(told.outcome));
}

// What can be pressed -----------------------------------------------------------------------------

function button(one, at) {
  const [made, number, words] = ["button", "span", "span"].map((tag) => document.createElement(tag));
  made.type = "button";
  made.dataset.key = one.key;
  number.className = "at";
  number.setAttribute("aria-hidden", "true");
  number.textContent = at;
  words.textContent = labelOf(one);
  made.append(number, icon(one.key), words);
  made.addEventListener("click", () => press(one));
  return made;
}

async function press({ key, value = "" }) {
  state.visit.pending = "";
  if (key === "code_key") {
    state.aside = idOf(state.standing);
    tell(null);
    return render();
  }
  if (key === "back_key" || key === "back") {
    state.aside = "";
    return render();
  }
  if (busy) return undefined;
  const [before, courier] = [state.seen, speaksToCourier(state.standing, view())];
  const said = await send("/api/key", { key, value });
  if (key === "more_time") {
    state.visit.longer = true;
    stir();
  }
  if (["empty", "not_me"].includes(key)) state.visit.after = null;
  const moved = before.open && state.standing.compartment !== before.compartment;
  const also = moved && ["bigger", "occupied", "broken"].includes(key) ? before.compartment : null;
  if (key === "done" && said.outcome === "done") state.visit.putIn = false;
  tell({ options: [], ...said, key, courier, also });
  return render();
}

async function enter() {
  if (busy) return;
  const code = digitsOf(input.value);
  put("");
  const said = await send("/api/code", { code });
  state.visit.long = said.outcome === "long_code_needed";
  if (state.visit.long) put(code);
  state.visit.after = null;
  tell({ ...said, courier: false });
  render();
}

// Ask, and see how things stand after it before anything else is looked at.
async function send(path, body) {
  busy = true;
  asked += 1; // a look that is under way may see half of what comes of this
  stir();
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const said = await answer.json();
    await look(true);
    return said.outcome ? said : { outcome: "no_answer" };
  } catch {
    return { outcome: "no_answer" };
  } finally {
    busy = false;
  }
}

// How things stand --------------------------------------------------------------------------------

// Ask once. `quiet`: an answer of ours tells what has changed. What began before it is too old.
async function look(quiet = false) {
  const mine = ++asked;
  try {
    const status = await (await fetch("/api/status")).json();
    if (mine !== asked) return;
    missed = 0;
    follow(status, quiet);
  } catch {
    missed += 1; // the daemon starts again; the next look finds it
  }
}

async function watch() {
  if (!busy) {
    await look();
    render();
  }
  setTimeout(watch, POLL_MS);
}

function follow(status, quiet) {
  const before = state.standing;
  state.standing = status.standing ?? NOTHING;
  inService = status.in_service;
  const { turn: now, outcome = "", ...scan } = status.scan;
  const news = turn !== null && turn !== now && outcome; // none yet where the daemon began anew
  if (news) hear({ ...scan, outcome: outcome.replace("courier_", ""), courier: outcome.startsWith("courier_") });
  else if (turn === null && scan.options) state.visit.options = scan.options;
  else if (before.act && !state.standing.act && !quiet) ended(before);
  turn = now;
  if (idOf(before) !== idOf(state.standing)) stir();
  const { act, compartment } = state.standing;
  if (act !== state.seen.act || compartment !== state.seen.compartment)
    state.seen = { act, compartment, open: false, blind: false };
  if (state.standing.door === "open") state.seen.open = true;
  const { told } = state.visit;
  if (state.standing.door === "open" && told?.outcome === "push_door") tell({ ...told, outcome: "opens" });
  if (state.standing.act && state.standing.door === "unknown") state.seen.blind = true;
}

// Take what the scanner brought about, or what became of a door; who types is not interrupted.
function hear(told) {
  const apart = ASIDE.has(told.outcome) && view() === "code";
  if (apart && input.value) return;
  if (!apart) {
    state.aside = "";
    state.visit.after = null;
  }
  tell(told);
  stir();
}

function ended({ act, compartment }) {
  const outcome = ending(act, state.seen);
  if (act === "deposit" && state.seen.open) state.visit.putIn = true;
  if (act === "collect" && outcome !== "not_opened") state.visit.after = { compartment };
  tell({ outcome, compartment, courier: isCouriers(act) });
}

// What is seen ------------------------------------------------------------------------------------------

function render() {
  const now = view();
  const { headline, words, where } = content(now);
  Object.assign(document.body.dataset, { view: now, turn });
  putText("headline", headline);
  putText("words", words);
  putText("where", where);
  $("panel").dataset.kind = kindOf(now);
  $("panel").dataset.told = Boolean(state.visit.told);
  renderPicture(where);
  renderKeys(now);
  $("form").hidden = now !== "code";
  $("courier").hidden = now !== "code" || Boolean(state.visit.told);
  putText("prompt", state.visit.long ? t().page.prompt_long : t().page.prompt);
  const notice = missed > MISSED_MAX ? t().page.away : inService ? "" : t().page.partly;
  putText("notice", notice);
  renderTools();
  read([headline, words, where, ...spokenKeys(), notice]);
  if (shown.view !== now) {
    if (now === "code") keepDigit();
    moveFocus(now);
  }
  shown.view = now;
}

function putText(id, words) {
  const element = $(id);
  element.hidden = !words;
  if (element.textContent !== words) element.textContent = words;
}

function kindOf(now) {
  const { outcome } = state.visit.told ?? {};
  if (isDoor(now)) return outcome && toneOf(outcome) === "stop" ? "stop" : "go";
  return outcome ? toneOf(outcome) : "calm";
}

function renderPicture(where) {
  const number = where ? state.standing.compartment : null;
  const label = number === null ? "" : fill(t().page.picture, { compartment: number, where });
  if ($("picture").dataset.label === label) return;
  $("picture").dataset.label = label;
  $("picture").replaceChildren(picture(state.doors, number, label));
}

function renderKeys(now) {
  const wanted = keysOf(now, state.standing, { ...state.visit, aside: state.aside });
  const signature = JSON.stringify([state.visit.language, now === "code", wanted]);
  if (signature === shown.keys) return;
  const kept = $("keys").contains(document.activeElement);
  shown.keys = signature;
  $("keys").hidden = wanted.length === 0;
  $("keys").replaceChildren(...wanted.map((one, at) => button(one, now === "code" ? `F${at + 1}` : `${at + 1}`)));
  if (kept && shown.view === now) (wanted.length ? $("keys") : input).focus();
}

const spokenKeys = () => [...$("keys").children].map((key) => `${key.firstChild.textContent}: ${key.lastChild.textContent}`);

function read(parts) {
  const words = parts.filter(Boolean).map((part) => (/[.!?]$/.test(part) ? part : `${part}.`)).join(" ");
  if (state.visit.reading && words !== shown.spoken) speak(words, state.visit.language);
  shown.spoken = state.visit.reading ? words : "";
}

function renderTools() {
  const root = document.documentElement;
  $("contrast").setAttribute("aria-pressed", root.dataset.contrast === "high");
  $("larger").setAttribute("aria-pressed", root.dataset.text === "large");
  $("mute").setAttribute("aria-pressed", sound.muted);
  $("mute").hidden = !sound.possible;
  $("read").setAttribute("aria-pressed", state.visit.reading);
  $("read").hidden = !voiceFor(state.visit.language);
}

function moveFocus(now) {
  (now === "code" ? input : $("keys")).focus({ preventScroll: true });
  const large = document.documentElement.dataset.text === "large";
  $("panel").scrollIntoView({ block: large ? "start" : "nearest" });
}

function setLanguage(language) {
  const { page, keys } = texts[language];
  state.visit.language = language;
  document.documentElement.lang = language;
  document.title = page.title;
  for (const key of document.querySelectorAll("[data-language]"))
    key.setAttribute("aria-pressed", key.dataset.language === language);
  for (const words of document.querySelectorAll("[data-text]")) words.textContent = page[words.dataset.text];
  for (const name of ["languages", "tools", "keys", "keypad", "erase"]) $(name).setAttribute("aria-label", page[name]);
  $("open").textContent = page.open;
  $("idle-words").textContent = page.idle;
  $("stay").textContent = keys.more_time;
  if (!voiceFor(language)) state.visit.reading = false;
}

// What people do ----------------------------------------------------------------------------------

function put(digits) {
  input.value = grouped(digits);
}

function typed(digit) {
  if (view() !== "code") {
    if (!state.visit.pending) {
      // One digit chooses a key, and Enter presses it; a second one shows that it is a code.
      Object.assign(state.visit, { pending: digit, pendingAt: performance.now() });
      $("keys").children[(Number(digit) || 10) - 1]?.focus();
      return;
    }
    put(state.visit.pending);
    press({ key: "code_key" });
  }
  put(digitsOf(input.value + digit));
  input.focus(); // so that Enter sends the code, wherever a finger was before
  play("digit");
}

// The view of a door ended under the hand: what was just typed there begins a code.
function keepDigit() {
  const { pending, pendingAt } = state.visit;
  state.visit.pending = "";
  if (pending && !input.value && performance.now() - pendingAt < KEPT_MS) put(pending);
}

function erase() {
  put(digitsOf(input.value).slice(0, -1));
}

function escape() {
  state.visit.pending = "";
  if (view() !== "code") return $("keys").focus();
  if (!input.value && state.aside) return press({ key: "back" });
  state.visit.long = false;
  put("");
  return input.focus();
}

function nextLanguage() {
  const all = Object.keys(texts);
  setLanguage(all[(all.indexOf(state.visit.language) + 1) % all.length]);
}

function toggle(name, value) {
  const { dataset } = document.documentElement;
  if (dataset[name] === value) delete dataset[name];
  else dataset[name] = value;
}

const TOOLS = {
  contrast: () => toggle("contrast", "high"),
  larger: () => toggle("text", "large"),
  mute: () => { sound.muted = !sound.muted; },
  read: () => {
    state.visit.reading = !state.visit.reading && Boolean(voiceFor(state.visit.language));
    if (!state.visit.reading) hush();
  },
};

// When nobody is there any more -------------------------------------------------------------------

const untouched = () => !state.visit.told && !state.visit.longer && !input.value && view() === "code"
  && state.visit.language === HOME && !state.visit.reading && !sound.muted
  && !("contrast" in document.documentElement.dataset) && !("text" in document.documentElement.dataset);

function warn() {
  if (untouched()) return false;
  if (isDoor(view()) && state.seen.open) {
    tell({ outcome: "still_open", compartment: state.standing.compartment });
    render();
  } else play("calm");
  if (state.visit.reading) speak(t().page.idle, state.visit.language);
  return true;
}

function startOver() {
  state.aside = idOf(state.standing);
  state.visit = fresh();
  sound.muted = false;
  delete document.documentElement.dataset.contrast;
  delete document.documentElement.dataset.text;
  put("");
  hush();
  setLanguage(HOME);
  render();
  input.focus();
}

// -------------------------------------------------------------------------------------------------

function onClick(selector, does) {
  for (const key of document.querySelectorAll(selector))
    key.addEventListener("click", () => { does(key); render(); });
}

async function start() {
  onClick("[data-language]", (key) => setLanguage(key.dataset.language));
  onClick("[data-digit]", (key) => typed(key.dataset.digit));
  onClick("#tools button", (key) => TOOLS[key.id]());
  onClick("#erase", erase);
  onClick("#stay", () => press({ key: "more_time" }));
  $("form").addEventListener("submit", (event) => { event.preventDefault(); enter(); });
  input.addEventListener("input", () => { put(digitsOf(input.value)); play("digit"); });
  document.addEventListener("pointerdown", () => { state.visit.pending = ""; });
  listen(input, {
    digit: typed,
    erase,
    escape,
    enter: () => { if (view() === "code" && $("idle").hidden) enter(); },
    shown: (at) => $("keys").children[at - 1]?.click(),
    tool: (id) => $(id).click(),
    language: () => { nextLanguage(); render(); },
  });
  try {
    state.doors = (await (await fetch("/api/locker")).json()).doors;
  } catch { /* without the picture the words still say which door */ }
  await look();
  render();
  whenVoicesChange(render);
  input.focus();
  stir = idle({
    dialog: $("idle"),
    key: $("stay"),
    limit_ms: () => (state.visit.longer ? LONGER_MS : isDoor(view()) ? DOOR_MS : IDLE_MS),
    warn,
    answered: () => moveFocus(view()),
    startOver,
  });
  $("open").disabled = false;
  watch();
}

start();
