"use strict";
// Comfort only: the page says all it has to say without this. Nothing is fetched, nothing is stored.
(function () {
  const text = (row, at) => (row.cells[at] ? row.cells[at].innerText.trim() : "");
  const compare = (a, b) => {
    const number = /^[-+]?[0-9.]+%?$/;
    const n = (s) => (s === "–" ? 0 : parseFloat(s));
    if ((number.test(a) || a === "–") && (number.test(b) || b === "–")) return n(a) - n(b);
    return a.localeCompare(b, "zh-Hans-CN", { numeric: true });
  };
  document.querySelectorAll("table[data-sort]").forEach((table) => {
    const bodies = Array.from(table.tBodies);
    const rows = (body) => Array.from(body.rows).filter((row) => row.cells.length > 1);
    if (!bodies.some((body) => rows(body).length > 1)) return;
    Array.from(table.tHead.rows[0].cells).forEach((head, at) => {
      const button = document.createElement("button");
      button.type = "button";
      button.title = "点一下排序";
      while (head.firstChild) button.appendChild(head.firstChild);
      head.appendChild(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        Array.from(head.parentNode.cells).forEach((each) => each.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        bodies.forEach((body) => rows(body)
          .sort((a, b) => (down ? -1 : 1) * compare(text(a, at).split("\n")[0], text(b, at).split("\n")[0]))
          .forEach((row) => body.appendChild(row)));
      });
    });
  });
  const finder = (name, hint) => {
    const label = document.createElement("label");
    label.className = "find";
    label.textContent = name + " ";
    const input = document.createElement("input");
    input.type = "search";
    input.placeholder = hint;
    label.appendChild(input);
    return [label, input];
  };
  document.querySelectorAll("[data-find]").forEach((part) => {
    const bodies = Array.from(part.querySelector("table").tBodies, (body) => [
      body, Array.from(body.rows).filter((row) => row.cells.length > 1).map((row) => [row, row.cells[0].textContent.toLowerCase()]),
    ]);
    if (bodies.reduce((sum, [, rows]) => sum + rows.length, 0) < 13) return;
    const [label, input] = finder("找" + part.dataset.find, "名称");
    const none = document.createElement("p");
    none.setAttribute("role", "status");
    part.parentNode.insertBefore(label, part);
    part.after(none);
    input.addEventListener("input", () => {
      const wanted = input.value.trim().toLowerCase();
      let all = 0;
      bodies.forEach(([body, rows]) => {
        let found = 0;
        rows.forEach(([row, name]) => {
          row.hidden = !name.includes(wanted);
          found += row.hidden ? 0 : 1;
        });
        body.hidden = !found;
        all += found;
      });
      none.textContent = wanted && !all ? "没有名称含“" + input.value.trim() + "”的" + part.dataset.find + "。" : "";
    });
  });
  const chase = document.getElementById("chase");
  if (chase && chase.querySelector("tr[data-s]")) {
    const [label, input] = finder("找学生", "姓名、学号、班级或原因");
    chase.insertBefore(label, chase.querySelector("details"));
    const first = Array.from(chase.querySelectorAll("details"), (each) => each.open);
    input.addEventListener("input", () => {
      const wanted = input.value.trim().toLowerCase();
      chase.querySelectorAll("details").forEach((group, at) => {
        let found = 0;
        group.querySelectorAll("[data-s]").forEach((row) => {
          const hit = !wanted || row.textContent.toLowerCase().includes(wanted);
          row.hidden = !hit;
          found += hit ? 1 : 0;
        });
        group.querySelectorAll("tbody").forEach((body) => { body.hidden = !body.querySelector("tr[data-s]:not([hidden])"); });
        group.open = wanted ? found > 0 : first[at];
        group.hidden = Boolean(wanted) && !found;
      });
    });
  }
  window.addEventListener("beforeprint", () => {
    document.querySelectorAll("details").forEach((group) => { group.open = true; });
  });
})();
