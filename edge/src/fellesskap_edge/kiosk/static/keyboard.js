// The physical keys: digits, Enter, Escape and Backspace; F1 to F9 for the keys that are shown;
// and what a plain number pad has besides, so that nobody needs the screen to switch help on.
const TOOLS = { "*": "read", "-": "contrast", "+": "larger", ".": "mute", ",": "mute" };

// `act` says what each does. What the focused field or button does by itself is left to it.
export function listen(input, act) {
  const does = (event) => {
    const { key, target } = event;
    if (event.repeat && key === "Enter") return () => {}; // a key that is held is pressed once
    if (/^\d$/.test(key)) return target === input ? null : () => act.digit(key);
    if (/^F\d$/.test(key)) return () => act.shown(Number(key.slice(1)));
    if (key in TOOLS) return () => act.tool(TOOLS[key]);
    if (key === "/" || key === "#") return act.language;
    if (key === "Escape") return act.escape;
    if (key === "Backspace" && target !== input) return act.erase;
    if (key === "Enter" && target !== input && target.tagName !== "BUTTON") return act.enter;
    return null;
  };
  document.addEventListener("keydown", (event) => {
    const found = event.ctrlKey || event.altKey || event.metaKey ? null : does(event);
    if (!found) return;
    event.preventDefault();
    found();
  });
}
