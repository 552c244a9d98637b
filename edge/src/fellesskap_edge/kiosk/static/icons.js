// A sign on each key, drawn in lines on a square of 24; the words beside it say the same.
const SVG = "http://www.w3.org/2000/svg";
const BOX = "M3 8 12 4l9 4v9l-9 4-9-4zM3 8l9 4 9-4M12 12v9";
const PATHS = {
  bigger: "M9 3H3v6M15 3h6v6M9 21H3v-6M15 21h6v-6M3 3l6 6M21 3l-6 6M3 21l6-6M21 21l-6-6",
  occupied: BOX,
  broken: "M12 3 2.5 20h19zM12 10v5M12 17.6v.1",
  cancel: "M5 5l14 14M19 5 5 19",
  done: "M4 13l5.5 5.5L20 6",
  take_out: "M4 13v7h16v-7M12 16V4M7 9l5-5 5 5",
  empty: "M4 4h16v16H4zM4 4l5 5M20 4l-5 5M4 20l5-5M20 20l-5-5M9 9h6v6H9z",
  not_me: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 21c0-4 3.5-6.5 8-6.5s8 2.5 8 6.5M3 3l18 18",
  more_time: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5l3.5 2.5",
  code_key: "M5 5h.1M12 5h.1M19 5h.1M5 12h.1M12 12h.1M19 12h.1M5 19h.1M12 19h.1M19 19h.1",
  back_key: "M10 5l-7 7 7 7M3 12h18",
  back: "M10 5l-7 7 7 7M3 12h18",
  size: BOX,
  carrier: "M2 6h12v11H2zM14 10h4l4 4v3h-8zM6.5 17a2 2 0 1 0 0 4 2 2 0 0 0 0-4zM17.5 17a2 2 0 1 0 0 4 2 2 0 0 0 0-4z",
};

export function icon(key) {
  const [svg, path] = ["svg", "path"].map((tag) => document.createElementNS(SVG, tag));
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", PATHS[key]);
  if (key === "code_key") path.setAttribute("class", "dots");
  svg.append(path);
  return svg;
}
