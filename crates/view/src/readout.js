"use strict";
(function () {
  const box = document.getElementById("readout");
  const known = new WeakMap();

  function scale(text) {
    const [log, low, high, from, to] = text.split(" ").map(Number);
    return function (pixel) {
      const share = (pixel - from) / (to - from);
      if (log === 1) { return Math.exp(Math.log(low) * (1 - share) + Math.log(high) * share); }
      return low + share * (high - low);
    };
  }

  function curves(svg) {
    if (known.has(svg)) { return known.get(svg); }
    const list = Array.from(svg.querySelectorAll("path[data-name]"), function (path) {
      const numbers = path.getAttribute("d").split(/[ML ]/).filter(Boolean).map(Number);
      const points = [];
      for (let at = 1; numbers.length > at; at += 2) {
        points.push([numbers[at - 1], numbers[at]]);
      }
      const colour = /\bc(\d)/.exec(path.getAttribute("class"))[1];
      return { name: path.getAttribute("data-name"), colour: colour, points: points };
    });
    known.set(svg, list);
    return list;
  }

  function nearest(points, x) {
    return points.reduce(function (best, point) {
      return Math.abs(best[0] - x) > Math.abs(point[0] - x) ? point : best;
    });
  }

  function figure(value) {
    const size = Math.abs(value);
    if (size >= 1000) { return Math.round(value).toLocaleString("en"); }
    if (1e-12 > size) { return "0"; }
    return size >= 0.001 ? String(Number(value.toPrecision(4))) : value.toExponential(2);
  }

  function hide(svg) {
    box.hidden = true;
    const line = svg.querySelector(".cursor");
    if (line) { line.remove(); }
  }

  function show(svg, event) {
    const x = svg.dataset.x.split(" ").map(Number);
    const y = svg.dataset.y.split(" ").map(Number);
    const at = new DOMPoint(event.clientX, event.clientY)
      .matrixTransform(svg.getScreenCTM().inverse());
    const list = curves(svg).filter(function (curve) { return curve.points.length > 0; });
    if (list.length === 0 || x[3] - 8 > at.x || at.x > x[4] + 8) { hide(svg); return; }
    const hits = list.map(function (curve) { return nearest(curve.points, at.x); });
    const mark = nearest(hits, at.x)[0];
    let line = svg.querySelector(".cursor");
    if (!line) {
      line = document.createElementNS("http://www.w3.org/2000/svg", "line");
      line.setAttribute("class", "cursor");
      svg.append(line);
    }
    [["x1", mark], ["x2", mark], ["y1", y[3]], ["y2", y[4]]].forEach(function (pair) {
      line.setAttribute(pair[0], pair[1]);
    });
    const head = document.createElement("div");
    head.textContent = svg.dataset.of + " " + figure(scale(svg.dataset.x)(mark));
    box.replaceChildren(head);
    list.forEach(function (curve, n) {
      // A curve that ends before the place has nothing to say there.
      if (Math.abs(hits[n][0] - mark) > 6) { return; }
      const row = document.createElement("div");
      const swatch = document.createElement("span");
      swatch.className = "b" + curve.colour;
      row.append(swatch, curve.name + ": " + figure(scale(svg.dataset.y)(hits[n][1])));
      box.append(row);
    });
    place(event);
  }

  function place(event) {
    box.hidden = false;
    const right = event.clientX + 16 + box.offsetWidth > window.innerWidth;
    box.style.left = Math.max(4, event.clientX + (right ? -12 - box.offsetWidth : 12)) + "px";
    box.style.top = Math.max(4, event.clientY - 12 - box.offsetHeight) + "px";
  }

  function cell(svg, event) {
    const names = svg.closest("section").dataset;
    const rows = JSON.parse(names.rows);
    const columns = JSON.parse(names.columns);
    const [left, top, size] = svg.dataset.map.split(" ").map(Number);
    const at = new DOMPoint(event.clientX, event.clientY)
      .matrixTransform(svg.getScreenCTM().inverse());
    const row = Math.floor((at.y - top) / size);
    const column = Math.floor((at.x - left) / size);
    if (!(row in rows) || !(column in columns)) { box.hidden = true; return; }
    const values = svg.dataset.cells.split(" ");
    const head = document.createElement("div");
    head.textContent = rows[row] + " \u2190 " + columns[column];
    const value = document.createElement("div");
    value.textContent = figure(values[row * columns.length + column] / 1000);
    box.replaceChildren(head, value);
    place(event);
  }

  document.querySelectorAll("svg[data-cells]").forEach(function (svg) {
    svg.addEventListener("pointermove", function (event) { cell(svg, event); });
    svg.addEventListener("pointerdown", function (event) { cell(svg, event); });
    svg.addEventListener("pointerleave", function () { box.hidden = true; });
  });

  document.querySelectorAll("svg[data-x]").forEach(function (svg) {
    svg.addEventListener("pointermove", function (event) { show(svg, event); });
    svg.addEventListener("pointerdown", function (event) { show(svg, event); });
    svg.addEventListener("pointerleave", function () { hide(svg); });
  });
})();
