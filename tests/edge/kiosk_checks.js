// What must hold of the page in every state; returns what does not. Run inside the page by the tests.
({ key_px, ratio }) => {
  const wrong = [];
  const visible = (element) => element.checkVisibility() && element.getClientRects().length > 0;
  const name = (element) => `${element.tagName}#${element.id} "${element.textContent.trim().slice(0, 40)}"`;

  const light = (colour) => {
    const [r, g, b] = colour.match(/[\d.]+/g).map(Number).map((each) => each / 255)
      .map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const opaque = (colour) => !/rgba\(.*, 0\)/.test(colour) && colour !== "transparent";
  const ground = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = getComputedStyle(one).backgroundColor;
      if (opaque(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };

  for (const button of [...document.querySelectorAll("button")].filter(visible)) {
    const { width, height } = button.getBoundingClientRect();
    if (Math.min(width, height) < key_px) wrong.push(`small: ${name(button)} ${width} x ${height}`);
  }
  const texts = [...document.body.querySelectorAll("*")].filter((element) =>
    !element.closest("svg, script") && visible(element)
    && [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim()));
  for (const element of texts) {
    const found = contrast(getComputedStyle(element).color, ground(element));
    if (found < ratio) wrong.push(`faint: ${name(element)} ${found.toFixed(1)}:1`);
    if (element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).display !== "inline")
      wrong.push(`cut off: ${name(element)}`);
  }
  for (const number of document.querySelectorAll("svg .number")) {
    const lit = getComputedStyle(document.querySelector("svg .lit")).fill;
    if (contrast(getComputedStyle(number).fill, lit) < ratio) wrong.push("faint: the lit door's number");
  }
  if (document.scrollingElement.scrollWidth > innerWidth) wrong.push("wider than the screen");
  for (const element of texts) {
    const { left, right } = element.getBoundingClientRect();
    if (left < 0 || right > innerWidth) wrong.push(`outside: ${name(element)}`);
  }
  return wrong;
}
