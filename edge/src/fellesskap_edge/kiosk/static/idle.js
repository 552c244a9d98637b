// When nobody is there any more: a warning, 20 seconds to answer it, then the page starts over.
const ANSWER_MS = 20_000;

// `limit_ms` is asked at each sign of life; `warn` returns false if there is nothing to start over.
export function idle({ dialog, key, limit_ms, warn, answered, startOver }) {
  let timer = 0;

  function stir() {
    const warned = !dialog.hidden;
    dialog.hidden = true;
    clearTimeout(timer);
    timer = setTimeout(ask, limit_ms());
    if (warned) answered();
  }

  function ask() {
    if (!warn()) return stir();
    dialog.hidden = false;
    key.focus();
    timer = setTimeout(end, ANSWER_MS);
    return undefined;
  }

  function end() {
    dialog.hidden = true;
    startOver();
    stir();
  }

  // Its own key answers the warning; it must still be there when finger or Enter is lifted.
  function alive({ target, key: pressed }) {
    if (!dialog.contains(target) || !["Enter", " ", "Tab", undefined].includes(pressed)) stir();
  }

  document.addEventListener("keydown", alive);
  document.addEventListener("pointerdown", alive);
  stir();
  return stir;
}
