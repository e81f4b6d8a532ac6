"use strict";
(async () => {
  const KEYS_STEP = 0.2; // of the map's size, a press of an arrow key
  const KEYS_ZOOM = 1.5;
  const REACH = 22; // pixels from a vehicle's middle that still mean it: a fingertip
  const COARSE = 1.2; // metres a pixel from which outlines are too small for a halo
  const LONGEST_BAR = 130; // pixels

  const byId = (id) => document.getElementById(id);
  const facts = JSON.parse(byId("facts").textContent);
  const number = (value, digits = 0) =>
    value.toLocaleString("en", { maximumFractionDigits: digits });

  // ---- what the page holds

  const TYPES = { float32: Float32Array, float64: Float64Array, int32: Int32Array };

  function unpacked({ type, data }) {
    const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
    return new TYPES[type](bytes.buffer);
  }

  function column({ codes, names, ...numbers }) {
    return codes ? { codes: unpacked(codes), names } : { values: unpacked(numbers) };
  }

  const columns = Object.fromEntries(
    Object.entries(facts.columns).map(([name, packed]) => [name, column(packed)]),
  );
  const starts = unpacked(facts.starts);
  const points = unpacked(facts.points);
  const total = starts.length - 1;
  const scores = facts.scores ? columns.score.values : null;

  function outlines() {
    const xs = [], ys = [], centres = new Float32Array(2 * total);
    for (let i = 0; i < total; i++) {
      const length = starts[i + 1] - starts[i];
      const x = new Float32Array(length), y = new Float32Array(length);
      const sum = [0, 0];
      let corners = 0;
      for (let k = 0; k < length; k++) {
        const at = 2 * (starts[i] + k);
        x[k] = points[at];
        y[k] = points[at + 1];
        if (Number.isNaN(x[k])) continue; // parts the pieces of an outline
        sum[0] += x[k];
        sum[1] += y[k];
        corners += 1;
      }
      xs.push(x);
      ys.push(y);
      centres.set([sum[0] / corners, sum[1] / corners], 2 * i);
    }
    return { xs, ys, centres };
  }

  const { xs, ys, centres } = outlines();

  // ---- the drawing

  await Bokeh.embed.embed_item(facts.plot, "map");
  const map = byId("map");
  const root = Bokeh.documents[0];
  let inner = map; // Bokeh takes the keyboard too; the map is to be one stop of the tab key
  for (const name of ["bk-Figure", "bk-Canvas", "bk-events"])
    inner = (inner?.shadowRoot ?? inner)?.querySelector(`.${name}`);
  inner?.removeAttribute("tabindex");
  const [plot, source, halo, lines] = ["plot", "source", "halo", "outlines"].map((name) =>
    root.get_model_by_name(name),
  );
  const { x_range, y_range } = plot;
  source.data = { xs, ys, score: scores ?? new Float64Array(total) };

  // ---- which vehicles are shown

  const shown = new Uint8Array(total);
  let labels = null;

  function filter(least) {
    const all = !scores || least <= facts.scores[0];
    const indices = [];
    for (let i = 0; i < total; i++) {
      shown[i] = all || scores[i] >= least ? 1 : 0;
      if (shown[i]) indices.push(i);
    }
    lines.view.filter.indices = indices;
    const vehicles = total === 1 ? "vehicle" : "vehicles";
    byId("count").textContent = all
      ? `${number(total)} ${vehicles}`
      : `${number(indices.length)} of ${number(total)} ${vehicles}, score at least ${least.toFixed(2)}`;
    if (byId("least")) byId("least").textContent = least.toFixed(2);
    tellLabels(indices);
    if (source.selected.indices.some((i) => !shown[i])) choose(null);
  }

  function tellLabels(indices) {
    const { codes, names } = columns.label ?? {};
    if (!codes || names.length < 2) return;
    const counts = new Array(names.length).fill(0);
    for (const i of indices) if (codes[i] >= 0) counts[codes[i]] += 1;
    labels ??= names.map((name, code) => ({ name, code })) // in the order of the first counts
      .sort((one, other) => counts[other.code] - counts[one.code]);
    const rows = labels.map(({ name, code }) => {
      const row = document.createElement("tr");
      const [head, cell] = [document.createElement("th"), document.createElement("td")];
      head.scope = "row";
      head.textContent = name;
      cell.textContent = number(counts[code]);
      row.append(head, cell);
      return row;
    });
    byId("labels").tBodies[0].replaceChildren(...rows);
    byId("labels").hidden = false;
  }

  // ---- one vehicle

  function nearest([x, y], reach = Infinity, isMeant = () => true) {
    let best = null, least = reach * resolution();
    for (let i = 0; i < total; i++) {
      if (!shown[i]) continue;
      const distance = Math.hypot(centres[2 * i] - x, centres[2 * i + 1] - y);
      if (distance < least && isMeant(i)) [best, least] = [i, distance];
    }
    return best;
  }

  function holds(i, x, y) { // where an odd number of edges lies to the right
    let inside = false;
    for (let first = starts[i], k = first; k < starts[i + 1]; k++) {
      if (Number.isNaN(points[2 * k])) {
        first = k + 1;
        continue;
      }
      const next = Number.isNaN(points[2 * k + 2]) ? first : k + 1;
      const x1 = points[2 * k], y1 = points[2 * k + 1];
      const x2 = points[2 * next], y2 = points[2 * next + 1];
      if (y1 > y !== y2 > y && x < x1 + ((y - y1) / (y2 - y1)) * (x2 - x1)) inside = !inside;
    }
    return inside;
  }

  const meant = ({ x, y }) =>
    nearest([x, y], Infinity, (i) => holds(i, x, y)) ?? nearest([x, y], REACH);

  function told({ name, unit, decimals }, i) {
    const { codes, names, values } = columns[name];
    if (codes) return codes[i] < 0 ? "unknown" : names[codes[i]];
    if (Number.isNaN(values[i])) return "unknown";
    const text = name === "id" ? String(values[i]) : values[i].toFixed(decimals);
    return unit && unit !== "°" ? `${text}\u00a0${unit}` : text + unit;
  }

  function choose(i) {
    source.selected.indices = i === null ? [] : [i];
    byId("details").hidden = i === null;
    if (i === null) return;
    const parts = facts.fields.flatMap((field) => {
      const [term, value] = [document.createElement("dt"), document.createElement("dd")];
      term.textContent = field.title;
      value.textContent = told(field, i);
      return [term, value];
    });
    byId("details").querySelector("dl").replaceChildren(...parts);
    uncover(i);
  }

  function uncover(i) { // on a phone the details lie on the map
    const [lies, covers] = [map.getBoundingClientRect(), byId("details").getBoundingClientRect()];
    if (covers.right <= lies.left) return;
    const metres = resolution();
    const hidden = (y_range.end - centres[2 * i + 1]) / metres - (covers.top - lies.top - 2 * REACH);
    const [x, y] = middle();
    if (hidden > 0) look([x, y - hidden * metres], metres);
  }

  // ---- where one looks

  const resolution = () => (x_range.end - x_range.start) / map.clientWidth;
  const middle = () => [(x_range.start + x_range.end) / 2, (y_range.start + y_range.end) / 2];

  function look([x, y], metres) {
    const [width, height] = [map.clientWidth, map.clientHeight];
    const least = x_range.min_interval / Math.min(width, height);
    const most = x_range.max_interval / Math.max(width, height);
    const half = Math.min(Math.max(metres, least), most) / 2;
    x_range.setv({ start: x - half * width, end: x + half * width });
    y_range.setv({ start: y - half * height, end: y + half * height });
  }

  function lookAtAll() {
    const { left, bottom, right, top } = facts.frame;
    const metres = Math.max((right - left) / map.clientWidth, (top - bottom) / map.clientHeight);
    look([(left + right) / 2, (bottom + top) / 2], metres * 1.02);
  }

  function move(right, up) {
    const [x, y] = middle();
    const metres = resolution();
    look([x + right * KEYS_STEP * map.clientWidth * metres,
      y + up * KEYS_STEP * map.clientHeight * metres], metres);
  }

  const zoom = (factor) => look(middle(), resolution() / factor);

  function tellScale() {
    const metres = resolution();
    const fine = metres < COARSE;
    if (halo.visible !== fine) {
      halo.visible = fine;
      lines.glyph.line_width = { value: fine ? 2 : 2.5 };
    }
    if (!facts.metric) return;
    const longest = LONGEST_BAR * metres;
    const power = 10 ** Math.floor(Math.log10(longest));
    const length = power * [5, 2, 1].find((digit) => digit * power <= longest);
    byId("metres").textContent = length < 1000 ? `${number(length, 3)} m` : `${number(length / 1000)} km`;
    byId("bar").style.width = `${length / metres}px`;
    byId("scale").hidden = false;
  }

  // ---- what people do

  const KEYS = {
    ArrowLeft: () => move(-1, 0), ArrowRight: () => move(1, 0),
    ArrowUp: () => move(0, 1), ArrowDown: () => move(0, -1),
    "+": () => zoom(KEYS_ZOOM), "=": () => zoom(KEYS_ZOOM), "-": () => zoom(1 / KEYS_ZOOM),
    0: lookAtAll, Enter: () => choose(nearest(middle())),
  };
  map.addEventListener("keydown", (event) => {
    if (!(event.key in KEYS) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    KEYS[event.key]();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") choose(null);
  });
  byId("closer").addEventListener("click", () => zoom(KEYS_ZOOM));
  byId("farther").addEventListener("click", () => zoom(1 / KEYS_ZOOM));
  byId("whole").addEventListener("click", lookAtAll);
  byId("close").addEventListener("click", () => choose(null));
  for (const tap of ["tap", "doubletap"])
    plot.on_event(tap, (place) => choose(meant(place)));
  x_range.change.connect(tellScale);

  let waiting = false;
  byId("score")?.addEventListener("input", ({ target }) => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      filter(Number(target.value));
    });
  });

  let kept = null; // metres a pixel, which a new size of the window leaves as they are
  new ResizeObserver(() => {
    if (kept === null) lookAtAll();
    else look(middle(), kept);
    kept = resolution();
  }).observe(map);
  x_range.change.connect(() => { kept = resolution(); });

  filter(Number(byId("score")?.value ?? 0));
})();
