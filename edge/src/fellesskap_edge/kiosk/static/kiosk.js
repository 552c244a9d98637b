// The code page: keys, one request, one answer in words; the code leaves the page once it is sent.
"use strict";
const input = document.getElementById("code");
const told = document.getElementById("told");
const texts = JSON.parse(document.getElementById("texts").textContent);
const hint = told.textContent;
const SHOWN_MS = 12000;
let clearing = 0;
let turn = Number(document.body.dataset.turn);

const grouped = (digits) => digits.replace(/(.{4})(?=.)/g, "$1 ");
const digitsOf = (text) => text.replace(/\D/g, "").slice(0, 12);

function tell(outcome, compartment) {
  const words = texts[outcome] || texts.no_answer;
  told.textContent = words.replace("{compartment}", compartment ?? "");
  told.dataset.kind = outcome.endsWith("opens") ? "opens" : "stop";
  clearTimeout(clearing);
  clearing = setTimeout(() => { told.textContent = hint; told.dataset.kind = "hint"; }, SHOWN_MS);
}

function put(digits) {
  input.value = grouped(digits);
  input.focus();
}

input.addEventListener("input", () => put(digitsOf(input.value)));
document.getElementById("erase").addEventListener("click", () => put(digitsOf(input.value).slice(0, -1)));
for (const key of document.querySelectorAll("[data-digit]"))
  key.addEventListener("click", () => put(digitsOf(input.value + key.dataset.digit)));

document.getElementById("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const code = digitsOf(input.value);
  put("");
  try {
    const answer = await fetch("/api/code", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ code }),
    });
    const said = await answer.json();
    tell(said.outcome, said.compartment);
  } catch {
    tell("no_answer");
  }
});

document.getElementById("open").disabled = false;

// What became of the courier's last scan.
setInterval(async () => {
  try {
    const { scan } = await (await fetch("/api/status")).json();
    if (scan.turn !== turn) tell(scan.outcome, scan.compartment);
    turn = scan.turn;
  } catch { /* the daemon restarts; the next poll finds it */ }
}, 500);
