// The picture of the locker with one door lit, and the same in words.
const SVG = "http://www.w3.org/2000/svg";
const GAP_MM = 40;
const LOW_MM = 700;
const HIGH_MM = 1300;

function draw(tag, attributes, text) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

// Without a lit door it is decoration.
export function picture(doors, lit, label) {
  if (!doors.length) return "";
  const widths = [];
  for (const { column, width_mm } of doors)
    widths[column - 1] = Math.max(widths[column - 1] ?? 0, width_mm);
  const left = widths.map((_, at) => widths.slice(0, at).reduce((sum, mm) => sum + mm + GAP_MM, GAP_MM));
  const width = left.at(-1) + widths.at(-1) + GAP_MM;
  const top = Math.max(...doors.map((door) => door.top_mm)) + GAP_MM;
  const says = label ? { role: "img", "aria-label": label } : { "aria-hidden": true };
  const svg = draw("svg", { viewBox: `-6 -6 ${width + 12} ${top + 72}`, ...says });
  svg.append(draw("rect", { class: "cabinet", width, height: top, rx: 30 }));
  svg.append(draw("line", { class: "ground", x1: 0, x2: width, y1: top + 40, y2: top + 40 }));
  for (const { number, column, floor_mm, top_mm, width_mm } of doors) {
    const on = number === lit;
    const [x, y, height] = [left[column - 1], top - top_mm, top_mm - floor_mm];
    svg.append(draw("rect", { class: on ? "door lit" : "door", x, y, width: width_mm, height, rx: 14 }));
    if (!on) continue;
    const size = Math.min(height * 0.86, 170);
    const place = { x: x + width_mm / 2, y: y + height / 2, "font-size": size };
    svg.append(draw("text", { class: "number", ...place }, number));
  }
  return svg;
}

// "Column 3 from the left, second from the bottom, low down."
export function whereIs(doors, number, t) {
  const spot = doors.find((door) => door.number === number);
  if (!spot) return "";
  const { column, row, rows } = spot;
  const parts = [];
  if (doors.some((door) => door.column > 1)) parts.push(t.column.replace("{column}", column));
  if (rows > 1) {
    const fromTop = rows + 1 - row;
    const nth = t.nth[Math.min(row, fromTop) - 1] ?? `${Math.min(row, fromTop)}.`;
    if (row === 1) parts.push(t.bottom);
    else if (fromTop === 1) parts.push(t.top);
    else parts.push((row <= fromTop ? t.from_bottom : t.from_top).replace("{nth}", nth));
  }
  const middle = (spot.floor_mm + spot.top_mm) / 2;
  parts.push(middle < LOW_MM ? t.low : middle < HIGH_MM ? t.middle : t.high);
  const words = parts.join(", ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
